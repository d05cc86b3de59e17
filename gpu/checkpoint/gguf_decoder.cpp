#include "gpu/checkpoint/gguf_decoder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "gpu/checkpoint/gguf_rope.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"
#include "gpu/checkpoint/quantisation.hpp"

namespace luthier::checkpoint {
namespace {

struct Naming {
  std::string_view hugging_face, gguf;
};
constexpr std::array<Naming, 9> layer_names{{{"self_attn.q_proj", "attn_q"},
                                             {"self_attn.k_proj", "attn_k"},
                                             {"self_attn.v_proj", "attn_v"},
                                             {"self_attn.o_proj", "attn_output"},
                                             {"mlp.gate_proj", "ffn_gate"},
                                             {"mlp.up_proj", "ffn_up"},
                                             {"mlp.down_proj", "ffn_down"},
                                             {"input_layernorm", "attn_norm"},
                                             {"post_attention_layernorm", "ffn_norm"}}};
constexpr std::array<Naming, 3> top_names{{{"model.embed_tokens.weight", "token_embd.weight"},
                                           {"model.norm.weight", "output_norm.weight"},
                                           {"lm_head.weight", "output.weight"}}};

// "model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"
std::string gguf_name(const std::string& name) {
  for (const auto& [ours, theirs] : top_names)
    if (name == ours) return std::string(theirs);
  constexpr std::string_view prefix = "model.layers.";
  const auto dot = name.find('.', prefix.size()), last = name.rfind('.');
  const auto module = std::string_view(name).substr(dot + 1, last - dot - 1);
  for (const auto& [ours, theirs] : layer_names)
    if (module == ours)
      return "blk." + name.substr(prefix.size(), dot - prefix.size()) + "." + std::string(theirs) + name.substr(last);
  return {};  // not reached: the names come from weight_shapes
}

// Reads the metadata of the family one key at a time and keeps the first error.
class Keys {
 public:
  explicit Keys(const GgufFile& file) : file_(file) {}

  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most) {
    const auto value = file_.integer(key);
    if (!value) return keep(value.error()), least;
    if (*value < least || *value > most)
      keep(invalid(file_.path().string() + ": metadata " + key + ": " + std::to_string(*value) + " is not between " +
                       std::to_string(least) + " and " + std::to_string(most),
                   key));
    return *value;
  }
  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most, std::int64_t otherwise) {
    return file_.has(key) ? integer(key, least, most) : otherwise;
  }
  double number(const std::string& key) {
    const auto value = file_.number(key);
    if (!value) return keep(value.error()), 0;
    if (!std::isfinite(*value) || *value < 0)
      keep(invalid(file_.path().string() + ": metadata " + key + ": is not a number from 0", key));
    return *value;
  }
  void keep(const Error& error) {
    if (!error_) error_ = error;
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const GgufFile& file_;
  std::optional<Error> error_;
};

Result<void> check_family(const GgufFile& file) {
  const auto family = file.text("general.architecture");
  if (!family) return family.error();
  const auto refused = [&](const std::string& key, const std::string& why) {
    return invalid(file.path().string() + ": metadata " + key + ": " + why, key);
  };
  if (*family != "llama")
    return refused("general.architecture", "family " + printable(*family) + " is not supported; llama is");
  for (const std::string key : {"llama.expert_count", "split.count"}) {
    if (!file.has(key)) continue;
    const auto count = file.integer(key);
    if (!count) return count.error();
    if (*count > 1)
      return refused(key, key == "split.count" ? "a model split over several GGUF files is not supported; merge them"
                                               : "a mixture of experts is not supported");
  }
  return {};
}

std::int64_t vocab_size_of(const GgufFile& file, Keys& keys) {
  if (file.has("llama.vocab_size")) return keys.integer("llama.vocab_size", 1, vocab_size_max);
  const auto found = file.metadata().find("tokenizer.ggml.tokens");
  const auto* tokens = found == file.metadata().end() ? nullptr : std::get_if<std::vector<std::string>>(&found->second);
  if (tokens && !tokens->empty()) return static_cast<std::int64_t>(tokens->size());
  const auto embedding = file.tensors().find("token_embd.weight");
  if (embedding != file.tensors().end()) return std::min(embedding->second.shape.front(), vocab_size_max);
  keys.keep(invalid(file.path().string() + ": metadata llama.vocab_size: is missing", "llama.vocab_size"));
  return 1;
}

void read_token_ids(const GgufFile& file, Keys& keys, Decoder& decoder) {
  const auto id = [&](const std::string& name) {
    return keys.integer("tokenizer.ggml." + name + "_token_id", 0, decoder.vocab_size - 1, -1);
  };
  decoder.bos_token_id = id("bos");
  decoder.pad_token_id = id("padding");
  // A chat model may end its turn with a token of its own beside the end of the text.
  for (const auto* name : {"eos", "eot", "eom"}) {
    const auto end = file.has(std::string("tokenizer.ggml.") + name + "_token_id") ? id(name) : -1;
    auto& ends = decoder.eos_token_ids;
    if (end >= 0 && std::find(ends.begin(), ends.end(), end) == ends.end()) ends.push_back(end);
  }
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

Result<void> check_tensors(const GgufFile& file, const Decoder& decoder) {
  std::map<std::string, std::string> known;  // GGUF's name -> ours
  for (const auto& [name, shape] : weight_shapes(decoder)) {
    const auto stored_name = gguf_name(name);
    const auto refused = [&](const std::string& why) {
      return invalid(file.path().string() + ": tensor " + stored_name + ": " + why, stored_name);
    };
    const auto found = file.tensors().find(stored_name);
    if (found == file.tensors().end()) return refused("is missing");
    if (found->second.shape != shape)
      return refused("has shape " + shape_text(found->second.shape) + ", not " + shape_text(shape));
    known.emplace(stored_name, name);
  }
  // A tensor that we do not know would change what the model computes.
  for (const auto& [name, tensor] : file.tensors())
    if (!known.contains(name) && name != "rope_freqs.weight")
      return invalid(file.path().string() + ": tensor " + printable(name) + ": is not one that a llama has", name);
  return {};
}

std::span<const std::byte> row_of(const GgufTensor& tensor, std::size_t row) {
  const auto bytes = tensor.bytes.size() / static_cast<std::size_t>(tensor.shape.front());
  return tensor.bytes.subspan(row * bytes, bytes);
}

// llama.cpp rotates neighbours, (0,1), (2,3) …, Hugging Face's code the two halves of a head: row 2i+j of a head there
// is row j*half+i here.
Result<void> read_interleaved(const GgufTensor& tensor, std::int64_t head_dim, std::span<float> out) {
  const auto rows = static_cast<std::size_t>(tensor.shape.front()), width = out.size() / rows;
  const auto head = static_cast<std::size_t>(head_dim), half = head / 2;
  std::vector<float> stored;  // a bias is one row of values, not one value a row
  if (tensor.shape.size() == 1) {
    stored.resize(rows);
    if (auto read = dequantise(tensor, stored); !read) return read;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const auto in_head = row % head, to = row - in_head + in_head % 2 * half + in_head / 2;
    if (!stored.empty()) {
      out[to] = stored[row];
      continue;
    }
    const GgufTensor one{tensor.type, {tensor.shape.back()}, row_of(tensor, row)};
    if (auto read = dequantise(one, out.subspan(to * width, width)); !read) return read;
  }
  return {};
}

}  // namespace

Result<Decoder> read_gguf_decoder(const GgufFile& file) {
  if (auto family = check_family(file); !family) return family.error();
  Keys keys(file);
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
  d.vocab_size = vocab_size_of(file, keys);
  if (!keys.error()) read_token_ids(file, keys, d);
  if (keys.error()) return *keys.error();
  if (value_length != d.head_dim)
    return invalid(file.path().string() + ": metadata llama.attention.value_length: differs from the key length, which is "
                                          "not supported", "llama.attention.value_length");
  if (const auto misfit = find_misfit(d))
    return invalid(file.path().string() + ": " + misfit->member + ": " + misfit->why, misfit->member);
  auto rope = read_gguf_rope(file, d.head_dim);
  if (!rope) return rope.error();
  d.rope = *rope;
  d.tie_word_embeddings = !file.tensors().contains("output.weight");
  d.qkv_bias = d.output_bias = file.tensors().contains("blk.0.attn_q.bias");
  d.mlp_bias = file.tensors().contains("blk.0.ffn_gate.bias");
  make_layers_alike(d);
  d.dtype = dtype_of(file);
  if (auto complete = check_tensors(file, d); !complete) return complete.error();
  return d;
}

Result<void> read_gguf_weights(const GgufFile& file, const Decoder& decoder, Weights& weights) {
  for (const auto& [name, tensor] : weights.tensors()) {
    const auto& stored = file.tensors().at(gguf_name(name));
    const bool interleaved = name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos;
    auto read = interleaved ? read_interleaved(stored, decoder.head_dim, tensor.values) : dequantise(stored, tensor.values);
    if (!read) return with_context(read.error(), file.path().string() + ": tensor " + gguf_name(name));
  }
  return {};
}

}  // namespace luthier::checkpoint
