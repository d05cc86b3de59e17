#include "gpu/checkpoint/checkpoint.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "gpu/checkpoint/gguf_decoder.hpp"
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/hub_directory.hpp"
#include "gpu/checkpoint/hub_pooling.hpp"
#include "gpu/checkpoint/hub_weights.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/checkpoint/memory.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;

Result<Decoder> read_configs(const fs::path& directory) {
  const auto config = read_object(directory / "config.json");
  if (!config) return config.error();
  auto decoder = parse_hub_config(*config, (directory / "config.json").string());
  if (!decoder) return decoder;
  if (auto pooled = apply_pooling(directory, *decoder); !pooled) return pooled.error();
  const auto path = directory / "generation_config.json";
  const auto generation = read_object(path);
  if (!generation && generation.error().code == ErrorCode::not_found) return decoder;
  if (!generation) return generation.error();
  if (auto applied = apply_generation_config(*generation, path.string(), *decoder); !applied) return applied.error();
  return decoder;
}

struct Opened {
  Decoder decoder;
  std::optional<GgufFile> gguf;       // one of the two
  std::optional<HubDirectory> hub;
};

Result<Opened> open_gguf(const fs::path& path) {
  auto file = GgufFile::open(path);
  if (!file) return file.error();
  auto decoder = read_gguf_decoder(*file);
  if (!decoder) return decoder.error();
  return Opened{std::move(*decoder), std::move(*file), std::nullopt};
}

Result<Opened> open_hub(const fs::path& directory) {
  auto decoder = read_configs(directory);
  if (!decoder) return decoder.error();
  auto stored = HubDirectory::open(directory);
  if (!stored) return stored.error();
  decoder->tensor_prefix = tensor_prefix_of(*stored, *decoder);
  // Embedding models are published under the name of what they were made of, which has a head, and without it.
  const bool makes_vectors = decoder->pooling != Pooling::none && decoder->tensor_prefix.empty();
  if (makes_vectors && decoder->has_head && !stored->find(outer_tensors(*decoder).head).tensor) decoder->has_head = false;
  const auto shapes = weight_shapes(*decoder);
  if (auto complete = check_hub_tensors(*stored, shapes); !complete) return complete.error();
  decoder->dtype = hub_dtype(*stored, shapes);
  decoder->stored = hub_kinds(*stored, shapes);
  return Opened{std::move(*decoder), std::nullopt, std::move(*stored)};
}

Result<Opened> open(const fs::path& path) {
  const auto found = locate_checkpoint(path);
  if (!found) return found.error();
  std::error_code ignored;
  return fs::is_directory(*found, ignored) ? open_hub(*found) : open_gguf(*found);
}

}  // namespace

Result<Decoder> read_decoder(const fs::path& path) {
  auto opened = open(path);
  if (!opened) return opened.error();
  return std::move(opened->decoder);
}

Result<Model> load_model(const fs::path& path, std::size_t memory_limit_bytes, BaseStorage storage) {
  auto opened = open(path);
  if (!opened) return opened.error();
  const Decoder& decoder = opened->decoder;
  const WeightBytes needed = weight_bytes(decoder, storage);
  if (auto fits = check_memory(needed.kept + needed.loading, path.string() + ": as " + to_string(storage) + " it", memory_limit_bytes); !fits)
    return fits.error();
  auto weights = Weights::allocate(weight_shapes(decoder), [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    return stored_kind(decoder, storage, name, shape);
  });
  if (!weights) return with_context(weights.error(), path.string());
  auto read = opened->gguf ? read_gguf_weights(*opened->gguf, decoder, *weights) : read_hub_weights(*opened->hub, *weights);
  if (!read) return read.error();
  return Model{std::move(opened->decoder), std::move(*weights)};
}

}  // namespace luthier::checkpoint
