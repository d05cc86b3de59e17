#include "gpu/text/dataset_files.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace luthier::text {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t entries_max = 100'000;  // of one directory

bool holds_rows(const fs::path& file) { return file.extension() == ".jsonl" || file.extension() == ".json"; }

bool begins_with_any(const std::string& name, std::span<const std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view beginning) { return name.starts_with(beginning); });
}

// Adds the files directly in `directory` whose names fit.
template <class Fits>
Result<void> collect(const fs::path& directory, Fits fits, std::vector<fs::path>& into) {
  std::error_code error;
  std::size_t seen = 0;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (++seen > entries_max) return Error{ErrorCode::limit, directory.string() + " has more than " + std::to_string(entries_max) + " files", "data"};
    if (at->is_regular_file(error) && fits(at->path())) into.push_back(at->path());
    error.clear();
  }
  if (error) return Error{ErrorCode::io, directory.string() + ": " + error.message(), "data"};
  return {};
}

Result<std::vector<fs::path>> named(const fs::path& directory, std::span<const std::string_view> names) {
  std::vector<fs::path> found;
  const auto fits = [&](const fs::path& file) { return holds_rows(file) && begins_with_any(file.filename().string(), names); };
  if (auto done = collect(directory, fits, found); !done) return done.error();
  for (const auto name : names) {
    std::error_code error;
    if (!fs::is_directory(directory / name, error)) continue;
    if (auto done = collect(directory / name, holds_rows, found); !done) return done.error();
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Result<DatasetFiles> find_dataset(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return DatasetFiles{{path}, {}};
  constexpr std::string_view to_train[] = {"train", "training"}, to_validate[] = {"val", "validation", "dev"};
  auto training = named(path, to_train), validation = named(path, to_validate);
  if (!training) return training.error();
  if (!validation) return validation.error();
  DatasetFiles files{std::move(*training), std::move(*validation)};
  if (files.training.empty() && files.validation.empty()) {
    if (auto done = collect(path, [](const fs::path& file) { return file.extension() == ".jsonl"; }, files.training); !done) return done.error();
    std::sort(files.training.begin(), files.training.end());
  }
  if (files.training.empty())
    return Error{ErrorCode::not_found,
                 path.string() + " has no training files: name them train*.jsonl or training*.jsonl, or put them into train/ or training/", "data"};
  return files;
}

}  // namespace luthier::text
