// Which of a directory's files is the checkpoint.
#pragma once

#include <filesystem>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// The path itself when it is a file or a directory with a config.json (Hugging Face), else the directory's only .gguf
// file. Every function here that takes the path of a model asks this first.
Result<std::filesystem::path> locate_checkpoint(const std::filesystem::path& path);

}  // namespace luthier::checkpoint
