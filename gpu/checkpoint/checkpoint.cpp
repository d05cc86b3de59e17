#include "gpu/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "gpu/checkpoint/gguf_decoder.hpp"
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/hub_directory.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;

Result<Decoder> read_configs(const fs::path& directory) {
  const auto config = read_object(directory / "config.json");
  if (!config) return config.error();
  auto decoder = parse_hub_config(*config, (directory / "config.json").string());
  if (!decoder) return decoder;
  const auto path = directory / "generation_config.json";
  const auto generation = read_object(path);
  if (!generation && generation.error().code == ErrorCode::not_found) return decoder;
  if (!generation) return generation.error();
  if (auto applied = apply_generation_config(*generation, path.string(), *decoder); !applied) return applied.error();
  return decoder;
}

std::string dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::f16: return "float16";
    case Dtype::bf16: return "bfloat16";
    case Dtype::f32: case Dtype::i64: case Dtype::i32: case Dtype::u8: break;
  }
  return "float32";
}

// What is stored counts, not what config.json says of it.
std::string dtype_of(const HubDirectory& stored, const Weights::Shapes& shapes) {
  std::map<std::string, std::size_t> values;
  for (const auto& [name, shape] : shapes) {
    const auto* tensor = stored.find(name).tensor;
    values[dtype_name(tensor->dtype)] += tensor->count();
  }
  return std::max_element(values.begin(), values.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
}

// Tensors that the decoder does not need are left alone, as transformers does: among them are rotary frequencies that
// old versions saved, and an lm_head.weight beside tied embeddings.
Result<void> check_tensors(const HubDirectory& stored, const Weights::Shapes& shapes) {
  for (const auto& [name, shape] : shapes) {
    const auto [tensor, file] = stored.find(name);
    const auto refused = [&file = file, &name = name](const std::string& why) {
      return invalid(file.string() + ": tensor " + name + ": " + why, name);
    };
    if (!tensor) return refused("is missing");
    if (tensor->shape != shape) return refused("has shape " + shape_text(tensor->shape) + ", not " + shape_text(shape));
    if (tensor->dtype != Dtype::f32 && tensor->dtype != Dtype::f16 && tensor->dtype != Dtype::bf16)
      return refused("holds integers where floating point values are needed");
  }
  return {};
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
  const auto shapes = weight_shapes(*decoder);
  if (auto complete = check_tensors(*stored, shapes); !complete) return complete.error();
  decoder->dtype = dtype_of(*stored, shapes);
  return Opened{std::move(*decoder), std::nullopt, std::move(*stored)};
}

Result<Opened> open(const fs::path& path) {
  const auto found = locate_checkpoint(path);
  if (!found) return found.error();
  std::error_code ignored;
  return fs::is_directory(*found, ignored) ? open_hub(*found) : open_gguf(*found);
}

Result<void> read_hub_weights(const HubDirectory& stored, Weights& weights) {
  for (const auto& [name, tensor] : weights.tensors()) {
    const auto [source, file] = stored.find(name);
    if (auto read = to_f32(*source, tensor.values); !read)
      return with_context(read.error(), file.string() + ": tensor " + name);
  }
  return {};
}

}  // namespace

Result<Decoder> read_decoder(const fs::path& path) {
  auto opened = open(path);
  if (!opened) return opened.error();
  return std::move(opened->decoder);
}

Result<Model> load_model(const fs::path& path, std::size_t memory_limit_bytes) {
  auto opened = open(path);
  if (!opened) return opened.error();
  const auto needed = static_cast<std::size_t>(count_parameters(opened->decoder)) * sizeof(float);
  if (auto fits = check_memory(needed, path.string() + ": as f32 it", memory_limit_bytes); !fits) return fits.error();
  auto weights = Weights::allocate(weight_shapes(opened->decoder));
  if (!weights) return with_context(weights.error(), path.string());
  auto read = opened->gguf ? read_gguf_weights(*opened->gguf, opened->decoder, *weights)
                           : read_hub_weights(*opened->hub, *weights);
  if (!read) return read.error();
  return Model{std::move(opened->decoder), std::move(*weights)};
}

}  // namespace luthier::checkpoint
