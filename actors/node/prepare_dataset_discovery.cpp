#include "actors/node/prepare_dataset_discovery.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace luthier::node {
namespace {

using Names = std::initializer_list<std::string_view>;

bool is_at_root(std::string_view path) { return path.find('/') == path.npos; }
bool is_rows(std::string_view path) { return path.ends_with(".jsonl") || path.ends_with(".json"); }

// "train*.jsonl" at the root, or a file directly in "train/".
bool is_named(std::string_view path, Names names) {
  if (!is_rows(path)) return false;
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    if (is_at_root(path)) return path.starts_with(name);
    const auto slash = path.find('/');
    return path.substr(0, slash) == name && is_at_root(path.substr(slash + 1));
  });
}

bool is_training(const std::string& path) {
  // "training*" at the root begins with "train" as well; the directory does not.
  return is_named(path, {"train", "training"});
}

// "val*" at the root covers "validation*".
bool is_validation(const std::string& path) { return is_named(path, {"val", "validation", "dev"}); }

template <class Fits>
std::vector<std::string> chosen(const std::vector<std::string>& paths, Fits fits) {
  std::vector<std::string> found;
  std::copy_if(paths.begin(), paths.end(), std::back_inserter(found), fits);
  std::sort(found.begin(), found.end());
  return found;
}

Error no_training(const std::string& title, std::size_t files) {
  return invalid("no training files found in " + title + ", which has " + std::to_string(files) +
                     (files == 1 ? " file" : " files") +
                     ": name them train*.jsonl or training*.jsonl at its root, or put them directly into train/ or training/",
                 "dataset");
}

}  // namespace

Result<DatasetFiles> discover_dataset(const std::vector<std::string>& paths, const std::string& title) {
  DatasetFiles found{chosen(paths, is_training), chosen(paths, is_validation)};
  if (found.training.empty() && found.validation.empty())
    found.training = chosen(paths, [](const std::string& path) { return is_at_root(path) && path.ends_with(".jsonl"); });
  if (found.training.empty()) return no_training(title, paths.size());
  return found;
}

Result<std::vector<std::string>> discover_validation(const std::vector<std::string>& paths, const std::string& title) {
  if (auto found = chosen(paths, is_validation); !found.empty()) return found;
  auto dataset = discover_dataset(paths, title);
  if (!dataset) return with_context(dataset.error(), "the validation rows");
  return std::move(dataset->training);
}

Result<std::vector<std::string>> discover_all(const std::vector<std::string>& paths, const std::string& title) {
  auto found = chosen(paths, [](const std::string& path) { return is_rows(path); });
  if (found.empty()) return no_training(title, paths.size());
  return found;
}

}  // namespace luthier::node
