#include "actors/worker/work_directory.hpp"

#include <algorithm>

#include "events/base/file.hpp"

namespace luthier::worker {

std::string safe_component(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string safe;
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                          c == '-' || c == '@' || c == '+' || (c == '.' && !safe.empty());
    if (is_plain) {
      safe += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      safe += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return safe.empty() ? "%" : safe;
}

TrainDirectory::TrainDirectory(const std::filesystem::path& work, const TaskId& task)
    : job(work / safe_component(task.entity_id)), attempt(job / std::to_string(task.attempt)) {}

ServeDirectory::ServeDirectory(const std::filesystem::path& work, const TaskId& task)
    : attempt(work / "serve" / safe_component(task.entity_id) / std::to_string(task.attempt)) {}

std::filesystem::path ServeDirectory::adapter(const std::string& served_name, const std::string& key) const {
  return attempt / "adapters" / (safe_component(served_name) + "@" + safe_component(key));
}

std::filesystem::path model_argument(const std::filesystem::path& directory, const std::vector<events::File>& files) {
  const auto is_gguf = [](const events::File& file) { return file.path.ends_with(".gguf"); };
  const bool has_config = std::ranges::any_of(files, [](const events::File& file) { return file.path == "config.json"; });
  const auto gguf = std::ranges::find_if(files, is_gguf);
  if (has_config || gguf == files.end() || std::ranges::count_if(files, is_gguf) != 1) return directory;
  return directory / gguf->path;
}

Result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) return file_error(directory, failure.value());
  return {};
}

}  // namespace luthier::worker
