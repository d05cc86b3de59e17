#include "gpu/checkpoint/locate.hpp"

#include <vector>

namespace luthier::checkpoint {

Result<std::filesystem::path> locate_checkpoint(const std::filesystem::path& directory) {
  std::error_code failure;
  if (std::filesystem::is_regular_file(directory, failure)) return directory;
  if (std::filesystem::is_regular_file(directory / "config.json", failure)) return directory;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure))
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  if (failure) return Error{ErrorCode::not_found, directory.string() + ": " + failure.message(), "model"};
  if (found.size() == 1) return found.front();
  return invalid(directory.string() + " has no config.json and " + std::to_string(found.size()) +
                 " .gguf files; a model is a directory with config.json, or one .gguf file", "model");
}

}  // namespace luthier::checkpoint
