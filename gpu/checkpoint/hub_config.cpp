#include "gpu/checkpoint/hub_config.hpp"

#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_rope.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

void check_family(Members& config, Decoder& d) {
  d.family = config.text("model_type");
  if (config.ok() && d.family != "llama")
    config.refuse("model_type", "family " + printable(d.family) + " is not supported; llama is");
  const auto architectures = config.texts("architectures");
  d.architecture = architectures.empty() ? "LlamaForCausalLM" : architectures.front();
  if (d.architecture != "LlamaForCausalLM")
    config.refuse("architectures", printable(d.architecture) + " is not supported; LlamaForCausalLM is");
  const auto activation = config.text("hidden_act", "silu");
  if (activation != "silu" && activation != "swish")
    config.refuse("hidden_act", printable(activation) + " is not supported; silu is");
  if (config.has("quantization_config"))
    config.refuse("quantization_config", "quantised safetensors are not supported; f32, f16 and bf16 are");
}

void read_sizes(Members& config, Decoder& d) {
  d.vocab_size = config.integer("vocab_size", 1, vocab_size_max);
  d.hidden_size = config.integer("hidden_size", 1, hidden_size_max);
  d.num_layers = config.integer("num_hidden_layers", 1, layers_max);
  d.num_heads = config.integer("num_attention_heads", 1, heads_max);
  d.num_kv_heads = config.integer("num_key_value_heads", 1, heads_max, d.num_heads);
  d.head_dim = config.integer("head_dim", 1, head_dim_max, d.hidden_size / d.num_heads);
  d.intermediate_size = config.integer("intermediate_size", 1, intermediate_size_max);
  d.max_position_embeddings = config.integer("max_position_embeddings", 1, position_max, 2048);
}

// Where a member is left out, these are the values that transformers' LlamaConfig has.
void read_choices(Members& config, Decoder& d) {
  d.rms_norm_eps = config.number("rms_norm_eps", 0, 1, 1e-6);
  d.tie_word_embeddings = config.boolean("tie_word_embeddings", false);
  d.qkv_bias = d.output_bias = config.boolean("attention_bias", false);
  d.mlp_bias = config.boolean("mlp_bias", false);
  d.dtype = config.text(config.has("dtype") ? "dtype" : "torch_dtype", "float32");
}

// -1 is how some configurations spell "none". A member that is left out, unlike one that is null, means Llama's own id.
std::int64_t read_id(Members& config, const nlohmann::json& object, const std::string& key, std::int64_t vocab_size,
                     std::int64_t otherwise) {
  if (!object.contains(key)) return otherwise < vocab_size ? otherwise : -1;
  return config.integer(key, -1, vocab_size - 1, -1);
}

std::vector<std::int64_t> read_ends(Members& config, std::int64_t vocab_size) {
  auto ends = config.integers("eos_token_id", -1, vocab_size - 1);
  std::erase(ends, -1);
  return ends;
}

}  // namespace

Result<Decoder> parse_hub_config(const nlohmann::json& object, const std::string& name) {
  Members config(object, name);
  Decoder d;
  check_family(config, d);
  if (!config.ok()) return config.error();
  read_sizes(config, d);
  read_choices(config, d);
  d.bos_token_id = read_id(config, object, "bos_token_id", d.vocab_size, 1);
  d.pad_token_id = read_id(config, object, "pad_token_id", d.vocab_size, -1);
  d.eos_token_ids = read_ends(config, d.vocab_size);
  if (!object.contains("eos_token_id") && d.vocab_size > 2) d.eos_token_ids = {2};
  if (!config.ok()) return config.error();
  if (const auto misfit = find_misfit(d)) return invalid(name + ": " + misfit->member + ": " + misfit->why, misfit->member);
  auto rope = parse_hub_rope(config, d);
  if (!rope) return rope.error();
  d.rope = std::move(*rope);
  make_layers_alike(d);
  return d;
}

Result<void> apply_generation_config(const nlohmann::json& object, const std::string& name, Decoder& d) {
  Members config(object, name);
  d.bos_token_id = read_id(config, object, "bos_token_id", d.vocab_size, d.bos_token_id);
  d.pad_token_id = read_id(config, object, "pad_token_id", d.vocab_size, d.pad_token_id);
  if (config.has("eos_token_id")) d.eos_token_ids = read_ends(config, d.vocab_size);
  if (!config.ok()) return config.error();
  return {};
}

namespace {

nlohmann::ordered_json id_or_null(std::int64_t id) { return id < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(id); }

nlohmann::ordered_json ids(const std::vector<std::int64_t>& values) {
  if (values.empty()) return nullptr;
  if (values.size() == 1) return values.front();
  return values;
}

}  // namespace

nlohmann::ordered_json hub_config(const Decoder& d) {
  nlohmann::ordered_json config = {
      {"architectures", {d.architecture}},
      {"model_type", d.family},
      {"vocab_size", d.vocab_size},
      {"hidden_size", d.hidden_size},
      {"intermediate_size", d.intermediate_size},
      {"num_hidden_layers", d.num_layers},
      {"num_attention_heads", d.num_heads},
      {"num_key_value_heads", d.num_kv_heads},
      {"head_dim", d.head_dim},
      {"max_position_embeddings", d.max_position_embeddings},
      {"hidden_act", "silu"},
      {"rms_norm_eps", d.rms_norm_eps},
      {"tie_word_embeddings", d.tie_word_embeddings},
      {"attention_bias", d.qkv_bias},
      {"attention_dropout", 0.0},
      {"mlp_bias", d.mlp_bias},
      {"initializer_range", 0.02},
      {"pretraining_tp", 1},
      {"use_cache", true},
      {"bos_token_id", id_or_null(d.bos_token_id)},
      {"eos_token_id", ids(d.eos_token_ids)},
      {"pad_token_id", id_or_null(d.pad_token_id)},
      {"torch_dtype", "float32"},
  };
  write_hub_rope(d.rope, config);
  return config;
}

nlohmann::ordered_json hub_generation_config(const Decoder& d) {
  return {{"bos_token_id", id_or_null(d.bos_token_id)},
          {"eos_token_id", ids(d.eos_token_ids)},
          {"pad_token_id", id_or_null(d.pad_token_id)}};
}

}  // namespace luthier::checkpoint
