#include "gpu/checkpoint/hub_config.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/hub_rope.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

constexpr std::array<std::pair<std::string_view, Activation>, 7> activations{{{"silu", Activation::silu},
                                                                              {"swish", Activation::silu},
                                                                              {"gelu", Activation::gelu},
                                                                              {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                                                              {"gelu_new", Activation::gelu_tanh},
                                                                              {"gelu_fast", Activation::gelu_tanh},
                                                                              {"relu", Activation::relu}}};

void read_architecture(Members& config, const HubFamily& family, Decoder& d) {
  d.family = family.model_type;
  const auto architectures = config.texts("architectures");
  d.architecture = architectures.empty() ? std::string(family.architectures.front()) : architectures.front();
  d.has_head = d.architecture.ends_with("ForCausalLM");
  d.tensor_prefix = d.has_head ? "model." : "";
  if (!d.has_head) d.pooling = Pooling::mean;
}

void read_activation(Members& config, const HubFamily& family, Decoder& d) {
  const std::string member(family.activation_member);
  const auto name = config.text(member, std::string(family.activation));
  const auto found = std::find_if(activations.begin(), activations.end(), [&](const auto& each) { return each.first == name; });
  if (found == activations.end())
    return config.refuse(member, printable(name) + " is not supported; silu, gelu, gelu_pytorch_tanh, gelu_new and relu are");
  d.activation = found->second;
}

// Which experts are quantised, and how, their tensors say themselves.
void check_quantisation(Members& config, const HubFamily& family) {
  const std::string member = "quantization_config";
  const auto* given = config.find(member);
  if (!given) return;
  if (!given->is_object()) return config.refuse(member, "is not an object");
  const auto method = given->find("quant_method");
  if (family.model_type == "gpt_oss" && method != given->end() && *method == "mxfp4") return;
  config.refuse(member, "quantised safetensors are not supported, but for MXFP4 of gpt_oss; f32, f16 and bf16 are");
}

void read_sizes(Members& config, const HubFamily& family, Decoder& d) {
  d.vocab_size = config.integer("vocab_size", 1, vocab_size_max);
  d.hidden_size = config.integer("hidden_size", 1, hidden_size_max);
  d.num_layers = config.integer("num_hidden_layers", 1, layers_max);
  d.num_heads = config.integer("num_attention_heads", 1, heads_max);
  const bool as_heads = family.kv_heads == 0 || config.is_null("num_key_value_heads");
  d.num_kv_heads = config.integer("num_key_value_heads", 1, heads_max, as_heads ? d.num_heads : family.kv_heads);
  const bool is_derived = family.head_dim == 0 || config.is_null("head_dim");
  d.head_dim = config.integer("head_dim", 1, head_dim_max, is_derived ? d.hidden_size / d.num_heads : family.head_dim);
  if (!family.sizes_differ) d.intermediate_size = config.integer("intermediate_size", 1, intermediate_size_max);
  d.max_position_embeddings = config.integer("max_position_embeddings", 1, position_max, family.max_position_embeddings);
}

void read_choices(Members& config, const HubFamily& family, Decoder& d) {
  d.rms_norm_eps = config.number(std::string(family.eps_member), 0, 1, family.eps);
  d.tie_word_embeddings = config.boolean("tie_word_embeddings", family.tied);
  d.dtype = config.text(config.has("dtype") ? "dtype" : "torch_dtype", "float32");
  read_activation(config, family, d);
  check_quantisation(config, family);
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
  const auto family = find_hub_family(object, name);
  if (!family) return family.error();
  Members config(object, name);
  Decoder d;
  read_architecture(config, **family, d);
  read_sizes(config, **family, d);
  if (!config.ok()) return config.error();
  read_choices(config, **family, d);
  d.bos_token_id = read_id(config, object, "bos_token_id", d.vocab_size, (*family)->bos);
  d.pad_token_id = read_id(config, object, "pad_token_id", d.vocab_size, (*family)->pad);
  d.eos_token_ids = read_ends(config, d.vocab_size);
  const auto eos = (*family)->eos;
  if (!object.contains("eos_token_id") && eos >= 0 && eos < d.vocab_size) d.eos_token_ids = {eos};
  if (config.ok()) make_layers_alike(d), (*family)->read(config, d);
  if (!config.ok()) return config.error();
  if (const auto misfit = find_misfit(d)) return invalid(name + ": " + misfit->member + ": " + misfit->why, misfit->member);
  if ((*family)->has_rope)
    if (auto read = read_hub_rope(config, **family, d); !read) return read.error();
  d.published.text = object.dump();
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

// Of a decoder without a config.json of its own.
nlohmann::ordered_json llama_config(const Decoder& d, const std::string& dtype) {
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
      {"torch_dtype", dtype},
  };
  write_hub_rope(d.rope, config);
  return config;
}

}  // namespace

nlohmann::ordered_json hub_config(const Decoder& d, const std::string& dtype) {
  if (d.published.text.empty()) return llama_config(d, dtype);
  auto config = nlohmann::json::parse(d.published.text);  // ours: it was read, and written by us
  config.erase("quantization_config");
  config.erase("dtype");
  config["torch_dtype"] = dtype;
  add_old_spelling(d, config);
  return config;
}

nlohmann::ordered_json hub_generation_config(const Decoder& d) {
  return {{"bos_token_id", id_or_null(d.bos_token_id)},
          {"eos_token_id", ids(d.eos_token_ids)},
          {"pad_token_id", id_or_null(d.pad_token_id)}};
}

}  // namespace luthier::checkpoint
