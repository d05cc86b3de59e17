// Which files of a fileset are rows to train on, and which to validate on. Pure: paths in, paths out.
#pragma once

#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::node {

struct DatasetFiles {
  std::vector<std::string> training, validation;  // each sorted; no validation: none was found
};

// By name: train*, training* at the root, or anything directly in train/ or training/; val*, validation*, dev* likewise; .jsonl and
// .json. When neither is found, every .jsonl at the root is training. Refused without a file to train on. `title` names the fileset.
Result<DatasetFiles> discover_dataset(const std::vector<std::string>& paths, const std::string& title);

// Of a fileset that has rows of one use alone: what it has for validation, else for training.
Result<std::vector<std::string>> discover_validation(const std::vector<std::string>& paths, const std::string& title);

// Every .jsonl and .json in the fileset, however it is called.
Result<std::vector<std::string>> discover_all(const std::vector<std::string>& paths, const std::string& title);

}  // namespace luthier::node
