#include "gpu/checkpoint/hub_directory.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t index_bytes_max = std::size_t{32} << 20;
constexpr std::size_t shards_max = 10'000;

// huggingface_hub's cache keeps a snapshot as links into the blobs beside it; any other way out of the directory is refused.
bool is_inside(const fs::path& file, const fs::path& directory) {
  std::error_code failed;
  const auto real = fs::canonical(file, failed);
  if (failed) return true;  // opening it tells what is wrong
  const auto root = fs::canonical(directory, failed);
  if (failed) return false;
  const bool is_snapshot = root.parent_path().filename() == "snapshots";
  return real.parent_path() == root || (is_snapshot && real.parent_path() == root.parent_path().parent_path() / "blobs");
}

Result<std::set<std::string>> shards_of(const fs::path& index, std::map<std::string, std::string>& placed) {
  const auto object = read_object(index, index_bytes_max);
  if (!object) return object.error();
  const auto weight_map = object->find("weight_map");
  if (weight_map == object->end() || !weight_map->is_object())
    return invalid(index.string() + ": weight_map: is not an object", "weight_map");
  std::set<std::string> shards;
  for (const auto& [tensor, value] : weight_map->items()) {
    const auto shard = value.is_string() ? value.get<std::string>() : std::string{};
    const bool is_plain = !shard.empty() && shard != "." && shard != ".." &&
                          shard.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!is_plain || !is_inside(index.parent_path() / shard, index.parent_path()))
      return invalid(index.string() + ": weight_map: " + printable(tensor) + " is said to be in " +
                         (shard.empty() ? "no file" : printable(shard)) + ", which is not a file of this directory",
                     tensor);
    shards.insert(shard);
    placed.emplace(tensor, shard);
    if (shards.size() > shards_max) return invalid(index.string() + ": names more than " + std::to_string(shards_max) + " files");
  }
  return shards;
}

}  // namespace

Result<HubDirectory> HubDirectory::open(const fs::path& directory) {
  HubDirectory result;
  std::error_code ignored;
  const auto single = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
  if (fs::exists(single, ignored)) {
    auto file = SafetensorsFile::open(single);
    if (!file) return file.error();
    for (const auto& [name, tensor] : file->tensors()) result.placed_.emplace(name, 0);
    result.files_.emplace_back(single, std::move(*file));
    result.listing_ = single;
    return result;
  }
  if (!fs::exists(index, ignored))
    return Error{ErrorCode::not_found, directory.string() + ": has neither model.safetensors nor model.safetensors.index.json", {}};

  std::map<std::string, std::string> named;
  const auto shards = shards_of(index, named);
  if (!shards) return shards.error();
  std::map<std::string, std::size_t> positions;
  for (const auto& shard : *shards) {
    auto file = SafetensorsFile::open(directory / shard);
    if (!file) return file.error();
    positions.emplace(shard, result.files_.size());
    result.files_.emplace_back(directory / shard, std::move(*file));
  }
  for (const auto& [tensor, shard] : named) result.placed_.emplace(tensor, positions.at(shard));
  result.listing_ = index;
  return result;
}

HubDirectory::Found HubDirectory::find(const std::string& name) const {
  const auto found = placed_.find(name);
  if (found == placed_.end()) return {nullptr, listing_};
  const auto& [path, file] = files_[found->second];
  return {file.find(name), path};
}

}  // namespace luthier::checkpoint
