// Which files of a directory hold rows to train on and which to validate on, by their names.
#pragma once

#include <filesystem>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::text {

struct DatasetFiles {
  std::vector<std::filesystem::path> training, validation;  // each sorted
};

// `path` is a file, which is trained on, or a directory. There, training rows are in train*.jsonl (so training*.jsonl too), train*.json
// and whatever of these endings lies directly in train/ or training/; validation rows likewise by val*, validation*, dev*. A directory
// without any such name is trained on in all its *.jsonl. Ends of names say nothing of contents: all hold one JSON object a line.
Result<DatasetFiles> find_dataset(const std::filesystem::path& path);

}  // namespace luthier::text
