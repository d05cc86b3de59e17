#include "gpu/checkpoint/gguf_decoder.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "gpu/checkpoint/gguf_copy.hpp"
#include "gpu/checkpoint/gguf_experts.hpp"
#include "gpu/checkpoint/gguf_families.hpp"
#include "gpu/checkpoint/gguf_keys.hpp"
#include "gpu/checkpoint/gguf_names.hpp"
#include "gpu/checkpoint/gguf_rope.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/mapped_file.hpp"
#include "gpu/checkpoint/printable.hpp"
#include "gpu/checkpoint/quantisation.hpp"

namespace luthier::checkpoint {
namespace {

// All of the model is in this file, and nothing in it that the family is not read with.
Result<void> check_whole(const GgufFile& file, const std::string& family) {
  const auto refused = [&](const std::string& key, const std::string& why) {
    return invalid(file.path().string() + ": metadata " + key + ": " + why, key);
  };
  for (const std::string key : {"llama.expert_count", "split.count"}) {
    if (!file.has(key) || (key != "split.count" && family != "llama")) continue;
    const auto count = file.integer(key);
    if (!count) return count.error();
    if (*count > 1)
      return refused(key, key == "split.count" ? "a model split over several GGUF files is not supported; merge them"
                                               : "a mixture of experts is not supported");
  }
  return {};
}

// The type that most values are stored as, in the spelling of Decoder::dtype.
std::string dtype_of(const GgufFile& file) {
  std::map<std::uint32_t, std::size_t> values;
  for (const auto& [name, tensor] : file.tensors()) {
    const auto* format = find_format(tensor.type);
    values[tensor.type] += tensor.bytes.size() / format->bytes_per_block * static_cast<std::size_t>(format->values_per_block);
  }
  const auto most = std::max_element(values.begin(), values.end(), [](auto& a, auto& b) { return a.second < b.second; });
  if (most == values.end()) return "float32";
  std::string name(find_format(most->first)->name);
  if (name == "F32") return "float32";
  if (name == "F16") return "float16";
  if (name == "BF16") return "bfloat16";
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return name;
}

Result<void> check_tensor(const GgufFile& file, const std::string& name, const std::vector<std::int64_t>& wanted) {
  const auto refused = [&](const std::string& why) { return invalid(file.path().string() + ": tensor " + name + ": " + why, name); };
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end()) return refused("is missing");
  if (found->second.shape != wanted) return refused("has shape " + shape_text(found->second.shape) + ", not " + shape_text(wanted));
  return {};
}

Result<void> check_tensors(const GgufFile& file, const Decoder& decoder) {
  std::set<std::string> known{"rope_freqs.weight"};
  if (decoder.rope.kind == Rope::Kind::longrope) known.insert({"rope_factors_long.weight", "rope_factors_short.weight"});
  for (const auto& [name, shape] : weight_shapes(decoder)) {
    const auto stored = gguf_tensor(decoder, name);
    auto wanted = stored.is_stacked ? gguf_stacked_shape(stored, shape) : shape;
    if (stored.experts > 0) wanted.insert(wanted.begin(), stored.experts);
    for (const auto& each : {stored.name, stored.up}) {
      if (each.empty()) continue;
      if (auto good = check_tensor(file, each, wanted); !good) return good;
      known.insert(each);
    }
  }
  // A tensor that we do not know would change what the model computes.
  for (const auto& [name, tensor] : file.tensors())
    if (!known.contains(name))
      return invalid(file.path().string() + ": tensor " + printable(name) + ": is not one that a " + decoder.family + " has", name);
  return {};
}

std::span<const std::byte> row_of(const GgufTensor& tensor, std::size_t row) {
  const auto bytes = tensor.bytes.size() / static_cast<std::size_t>(tensor.shape.front());
  return tensor.bytes.subspan(row * bytes, bytes);
}

// What each matrix can be kept as without a change. Gate and up of stacked experts become one matrix, and must be alike for that.
StoredKinds kinds_of(const GgufFile& file, const Decoder& decoder) {
  StoredKinds kinds;
  for (const auto& [name, shape] : weight_shapes(decoder)) {
    const auto stored = gguf_tensor(decoder, name);
    const auto type = file.tensors().at(stored.name).type;
    const auto kind = find_format(type)->kind;
    const bool alike = stored.up.empty() || file.tensors().at(stored.up).type == type;
    if (kind != StoredKind::f32 && alike) kinds.of.emplace(name, kind);
  }
  return kinds;
}

// llama.cpp rotates neighbours, (0,1), (2,3) …, Hugging Face's code the two halves of a head: row 2i+j of a head there
// is row j*half+i here.
std::size_t row_of_half(std::size_t row, std::size_t head) {
  const auto in_head = row % head;
  return row - in_head + in_head % 2 * (head / 2) + in_head / 2;
}

Result<void> read_interleaved(const GgufTensor& tensor, std::int64_t head_dim, std::span<float> out) {
  const auto rows = static_cast<std::size_t>(tensor.shape.front()), width = out.size() / rows;
  std::vector<float> stored;  // a bias is one row of values, not one value a row
  if (tensor.shape.size() == 1) {
    stored.resize(rows);
    if (auto read = dequantise(tensor, stored); !read) return read;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const auto to = row_of_half(row, static_cast<std::size_t>(head_dim));
    if (!stored.empty()) {
      out[to] = stored[row];
      continue;
    }
    const GgufTensor one{tensor.type, {tensor.shape.back()}, row_of(tensor, row)};
    if (auto read = dequantise(one, out.subspan(to * width, width)); !read) return read;
  }
  return {};
}

Result<Decoder> read_llama(const GgufFile& file) {
  GgufKeys keys(file);
  Decoder d;
  d.family = "llama";
  d.architecture = "LlamaForCausalLM";
  d.num_layers = keys.integer("llama.block_count", 1, layers_max);
  d.hidden_size = keys.integer("llama.embedding_length", 1, hidden_size_max);
  d.intermediate_size = keys.integer("llama.feed_forward_length", 1, intermediate_size_max);
  d.num_heads = keys.integer("llama.attention.head_count", 1, heads_max);
  d.num_kv_heads = keys.integer("llama.attention.head_count_kv", 1, heads_max, d.num_heads);
  d.head_dim = keys.integer("llama.attention.key_length", 1, head_dim_max, d.hidden_size / d.num_heads);
  const auto value_length = keys.integer("llama.attention.value_length", 1, head_dim_max, d.head_dim);
  d.max_position_embeddings = keys.integer("llama.context_length", 1, position_max);
  d.rms_norm_eps = keys.number("llama.attention.layer_norm_rms_epsilon");
  d.vocab_size = gguf_vocab_size(keys, "llama.");
  if (!keys.error()) read_gguf_token_ids(keys, d);
  if (keys.error()) return *keys.error();
  if (value_length != d.head_dim)
    return invalid(file.path().string() + ": metadata llama.attention.value_length: differs from the key length, which is "
                                          "not supported", "llama.attention.value_length");
  if (const auto misfit = find_misfit(d))
    return invalid(file.path().string() + ": " + misfit->member + ": " + misfit->why, misfit->member);
  auto rope = read_gguf_rope(file, "llama.", d.head_dim);
  if (!rope) return rope.error();
  d.rope = *rope;
  d.tie_word_embeddings = !file.tensors().contains("output.weight");
  d.qkv_bias = d.output_bias = file.tensors().contains("blk.0.attn_q.bias");
  d.mlp_bias = file.tensors().contains("blk.0.ffn_gate.bias");
  make_layers_alike(d);
  return d;
}

// Of the families whose heads llama.cpp rotates by neighbours.
bool is_interleaved(const Decoder& decoder, const std::string& name) {
  const bool is_rotated = name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos;
  return is_rotated && (decoder.family == "llama" || decoder.family == "smollm3" || decoder.family == "nemotron-nas");
}

Result<void> read_tensor(const GgufFile& file, const Decoder& decoder, const std::string& name, const Tensor& into) {
  const auto stored = gguf_tensor(decoder, name);
  auto tensor = file.tensors().at(stored.name);
  if (stored.is_stacked) return read_stacked_experts(tensor, stored.up.empty() ? nullptr : &file.tensors().at(stored.up), into);
  if (stored.experts > 0) tensor = {tensor.type, into.shape, row_of(tensor, static_cast<std::size_t>(stored.expert))};
  const bool interleaved = is_interleaved(decoder, name);
  if (is_copied(into.stored.kind)) {
    const auto head = static_cast<std::size_t>(decoder.head_dim);
    copy_rows(tensor, [&](std::size_t row) { return interleaved ? row_of_half(row, head) : row; }, into.stored);
    return {};
  }
  if (interleaved) return read_interleaved(tensor, decoder.head_dim, into.values);
  if (auto read = dequantise(tensor, into.values); !read) return read;
  // The norm's 1 + w is what is stored.
  if (decoder.norm == NormKind::rms_plus_one && name.ends_with("norm.weight"))
    for (float& value : into.values) value -= 1;
  return {};
}

// How an embedding model makes a vector of a text; what generates text has no such key, or 0.
Result<void> apply_pooling_type(const GgufFile& file, const std::string& family, Decoder& decoder) {
  const auto key = family + ".pooling_type";
  if (!file.has(key)) return {};
  const auto type = file.integer(key);
  if (!type) return type.error();
  constexpr std::array<Pooling, 4> types{Pooling::none, Pooling::mean, Pooling::cls, Pooling::last};
  if (*type < 0 || *type >= static_cast<std::int64_t>(types.size()))
    return invalid(file.path().string() + ": metadata " + key + ": " + std::to_string(*type) +
                       " is not supported; 0 (none), 1 (mean), 2 (first token) and 3 (last token) are", key);
  decoder.pooling = types[static_cast<std::size_t>(*type)];
  return {};
}

}  // namespace

Result<Decoder> read_gguf_decoder(const GgufFile& file) {
  const auto family = file.text("general.architecture");
  if (!family) return family.error();
  if (auto whole = check_whole(file, *family); !whole) return whole.error();
  auto decoder = *family == "llama" ? read_llama(file) : read_gguf_family(file, *family);
  if (!decoder) return decoder;
  decoder->dtype = dtype_of(file);
  if (auto applied = apply_pooling_type(file, *family, *decoder); !applied) return applied.error();
  if (auto complete = check_tensors(file, *decoder); !complete) return complete.error();
  decoder->stored = kinds_of(file, *decoder);
  return decoder;
}

Result<void> read_gguf_weights(const GgufFile& file, const Decoder& decoder, Weights& weights) {
  return weights.fill([&](const std::string& name, const Tensor& tensor) -> Result<void> {
    const auto stored = gguf_tensor(decoder, name);
    if (auto read = read_tensor(file, decoder, name, tensor); !read)
      return with_context(read.error(), file.path().string() + ": tensor " + stored.name);
    if (stored.experts == 0) let_go(file.tensors().at(stored.name).bytes);
    if (!stored.up.empty()) let_go(file.tensors().at(stored.up).bytes);
    return {};
  });
}

}  // namespace luthier::checkpoint
