#include "gpu/checkpoint/locate.hpp"

#include <vector>

namespace luthier::checkpoint {

namespace fs = std::filesystem;

Result<fs::path> locate_checkpoint(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed)) return Error{ErrorCode::not_found, path.string() + ": does not exist", "model"};
  if (!fs::is_directory(path, failed) || fs::exists(path / "config.json", failed)) return path;
  std::vector<fs::path> found;
  for (auto entry = fs::directory_iterator(path, failed); !failed && entry != fs::directory_iterator(); entry.increment(failed))
    if (entry->path().extension() == ".gguf") found.push_back(entry->path());
  if (found.size() == 1) return found.front();
  return Error{ErrorCode::not_found,
               path.string() + ": has no config.json and " + std::to_string(found.size()) +
                   " .gguf files; a model is a directory with config.json, or one .gguf file",
               "model"};
}

}  // namespace luthier::checkpoint
