#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/base/file.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/safetensors.hpp"

namespace luthier::checkpoint {
namespace {

using Shard = std::map<std::string, TensorToWrite>;
const std::map<std::string, std::string> shard_metadata{{"format", "pt"}};  // transformers refuses a file without it

std::vector<Shard> split(const Weights& weights, std::size_t shard_bytes_max, StoreAs as) {
  std::vector<Shard> shards(1);
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : weights.tensors()) {
    const auto tensor_bytes = tensor.values.size() * bytes_per_value(as);
    if (!shards.back().empty() && bytes + tensor_bytes > shard_bytes_max) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().emplace(name, TensorToWrite{tensor.shape, tensor.values});
    bytes += tensor_bytes;
  }
  return shards;
}

std::string shard_name(std::size_t number, std::size_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "model-%05zu-of-%05zu.safetensors", number, count);
  return text;
}

Result<void> write_json(const std::filesystem::path& path, const nlohmann::ordered_json& value) {
  return write_file_durably(path, value.dump(2) + "\n");
}

Result<void> write_shards(const std::filesystem::path& directory, const std::vector<Shard>& shards, StoreAs as) {
  nlohmann::ordered_json weight_map;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto name = shard_name(i + 1, shards.size());
    for (const auto& [tensor, to_write] : shards[i]) {
      weight_map[tensor] = name;
      bytes += to_write.values.size() * bytes_per_value(as);
    }
    if (auto written = write_safetensors(directory / name, shards[i], shard_metadata, as); !written) return written;
  }
  return write_json(directory / "model.safetensors.index.json",
                    {{"metadata", {{"total_size", bytes}}}, {"weight_map", weight_map}});
}

}  // namespace

Result<void> save_model(const std::filesystem::path& directory, const Decoder& decoder, const Weights& weights,
                        std::size_t shard_bytes_max, StoreAs as) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return file_error(directory, failed.value());
  const auto shards = split(weights, shard_bytes_max, as);
  auto written = shards.size() == 1 ? write_safetensors(directory / "model.safetensors", shards.front(), shard_metadata, as)
                                    : write_shards(directory, shards, as);
  if (!written) return written;
  if (written = write_json(directory / "generation_config.json", hub_generation_config(decoder)); !written) return written;
  // Last, so that a directory with a config.json has everything else.
  return write_json(directory / "config.json", hub_config(decoder, as == StoreAs::bf16 ? "bfloat16" : "float32"));
}

}  // namespace luthier::checkpoint
