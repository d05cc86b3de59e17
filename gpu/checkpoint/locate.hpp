// Which of a directory's files is the checkpoint.
#pragma once

#include <filesystem>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// The directory itself when it has a config.json (Hugging Face), else its only .gguf file. What every other function here
// takes as `path`.
Result<std::filesystem::path> locate_checkpoint(const std::filesystem::path& directory);

}  // namespace luthier::checkpoint
