#include "gpu/checkpoint/gguf_families.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/gguf_keys.hpp"
#include "gpu/checkpoint/gguf_rope.hpp"
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/hub_rope.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

using Json = nlohmann::json;

// What only this family has. The sizes are in `config` already.
using Add = void(GgufKeys& keys, const std::string& prefix, Json& config);

void add_nothing(GgufKeys&, const std::string&, Json&) {}

void add_experts(GgufKeys& keys, const std::string& prefix, Json& config) {
  config["num_experts"] = keys.integer(prefix + "expert_count", 1, experts_max);
  config["num_experts_per_tok"] = keys.integer(prefix + "expert_used_count", 1, experts_max);
  config["moe_intermediate_size"] = keys.integer(prefix + "expert_feed_forward_length", 1, intermediate_size_max);
  config["norm_topk_prob"] = true;  // llama.cpp takes it, and experts in every layer, for granted
}

// What llama.cpp knows by the number of layers: the largest model scales its scores by another size than that of a head.
void add_gemma(GgufKeys& keys, const std::string& prefix, std::int64_t layers_of_largest, Json& config) {
  const std::int64_t hidden = config["hidden_size"], heads = config["num_attention_heads"], head_dim = config["head_dim"];
  config["query_pre_attn_scalar"] = config["num_hidden_layers"] == layers_of_largest ? hidden / heads : head_dim;
  config["sliding_window"] = keys.integer(prefix + "attention.sliding_window", 1, position_max);
}

void add_gemma2(GgufKeys& keys, const std::string& prefix, Json& config) {
  add_gemma(keys, prefix, 46, config);
  const auto cap = [&](const std::string& key, double otherwise) { return keys.file().has(key) ? keys.number(key) : otherwise; };
  config["attn_logit_softcapping"] = cap(prefix + "attn_logit_softcapping", 50);
  config["final_logit_softcapping"] = cap(prefix + "final_logit_softcapping", 30);
}

// Which layers look through the window: all but each n-th, or an entry for each. The key is seldom written.
void add_pattern(GgufKeys& keys, const std::string& prefix, std::int64_t otherwise, Json& config) {
  const auto key = prefix + "attention.sliding_window_pattern";
  const auto found = keys.file().metadata().find(key);
  const std::int64_t layers = config["num_hidden_layers"];
  const auto* slides = found == keys.file().metadata().end() ? nullptr : std::get_if<std::vector<bool>>(&found->second);
  const auto number = slides ? otherwise : keys.integer(key, 1, layers_max, otherwise);
  if (slides && slides->size() != static_cast<std::size_t>(layers))
    return keys.refuse(key, "has " + std::to_string(slides->size()) + " entries for " + std::to_string(layers) + " layers");
  config["layer_types"] = Json::array();
  for (std::int64_t i = 0; i < layers; ++i)
    config["layer_types"].push_back((slides ? (*slides)[static_cast<std::size_t>(i)] : (i + 1) % number != 0) ? "sliding_attention" : "full_attention");
}

void add_gemma3(GgufKeys& keys, const std::string& prefix, Json& config) {
  add_gemma(keys, prefix, 62, config);
  add_pattern(keys, prefix, 6, config);
  const auto theta = prefix + "rope.freq_base_swa";
  config["rope_local_base_freq"] = keys.file().has(theta) ? keys.number(theta) : 10000.0;
}

// 0 is no window.
void add_phi3(GgufKeys& keys, const std::string& prefix, Json& config) {
  const auto window = keys.integer(prefix + "attention.sliding_window", 0, position_max, 0);
  config["sliding_window"] = window > 0 ? Json(window) : Json();
  const std::int64_t head_dim = config["head_dim"], length = config["max_position_embeddings"];
  config["original_max_position_embeddings"] = keys.integer(prefix + "rope.scaling.original_context_length", 1, position_max, length);
  const auto rotated = keys.integer(prefix + "rope.dimension_count", 2, head_dim, head_dim);
  // The product of the quotient must not be cut to the number below.
  double part = static_cast<double>(rotated) / static_cast<double>(head_dim);
  if (static_cast<double>(head_dim) * part < static_cast<double>(rotated)) part = std::nextafter(part, 1.0);
  config["partial_rotary_factor"] = part;
}

// llama.cpp has the limit of the activation, and that the first layer of two slides, in its code.
void add_gpt_oss(GgufKeys& keys, const std::string& prefix, Json& config) {
  config["num_local_experts"] = keys.integer(prefix + "expert_count", 1, experts_max);
  config["num_experts_per_tok"] = config["experts_per_token"] = keys.integer(prefix + "expert_used_count", 1, experts_max);
  config["intermediate_size"] = keys.integer(prefix + "expert_feed_forward_length", 1, intermediate_size_max);
  config["sliding_window"] = keys.integer(prefix + "attention.sliding_window", 1, position_max);
  config["attention_bias"] = true;
  config["swiglu_limit"] = 7.0;
  add_pattern(keys, prefix, 2, config);
}

void add_smollm3(GgufKeys&, const std::string&, Json& config) { config["no_rope_layer_interval"] = 4; }

// Each layer's own numbers of heads and width, in the words of the blocks that a search has chosen from.
void add_deci(GgufKeys& keys, const std::string& prefix, Json& config) {
  const std::int64_t layers = config["num_hidden_layers"], heads = config["num_attention_heads"], hidden = config["hidden_size"];
  const auto queries = keys.of_layers(prefix + "attention.head_count", 0, heads_max, layers);
  const auto groups = keys.of_layers(prefix + "attention.head_count_kv", 0, heads_max, layers);
  const auto widths = keys.of_layers(prefix + "feed_forward_length", 0, intermediate_size_max, layers);
  config["intermediate_size"] = config["num_key_value_heads"] = Json();
  config["block_configs"] = Json::array();
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto in_layer = " of layer " + std::to_string(i);
    if (queries[i] != 0 && queries[i] != heads)
      return keys.refuse(prefix + "attention.head_count", std::to_string(queries[i]) + in_layer + " is neither 0 nor the " + std::to_string(heads) + " of others");
    if ((queries[i] == 0) != (groups[i] == 0) || (groups[i] > 0 && heads % groups[i] != 0))
      return keys.refuse(prefix + "attention.head_count_kv", std::to_string(groups[i]) + in_layer + " does not fit its " + std::to_string(queries[i]) + " heads");
    if (widths[i] % 256 != 0)
      return keys.refuse(prefix + "feed_forward_length", std::to_string(widths[i]) + in_layer + " is not a multiple of 256");
    const Json group = groups[i] > 0 ? Json(heads / groups[i]) : Json();
    const Json mult = widths[i] > 0 ? Json(1.5 * static_cast<double>(widths[i]) / static_cast<double>(hidden)) : Json();
    config["block_configs"].push_back({{"attention", {{"n_heads_in_group", group}, {"no_op", queries[i] == 0}, {"replace_with_linear", false},
                                                      {"num_sink_tokens", nullptr}, {"sparsify", nullptr}, {"unshifted_sink", false},
                                                      {"use_prefill_window_in_sink_attention", false}, {"window_length", nullptr}}},
                                       {"ffn", {{"ffn_mult", mult}, {"no_op", widths[i] == 0}, {"replace_with_linear", false}, {"sparsify", nullptr}}}});
  }
}

struct GgufFamily {
  std::string_view name, model_type, architecture;
  Add* add;
  bool sizes_differ = false;  // from layer to layer
};
constexpr std::array<GgufFamily, 10> families{{{"qwen2", "qwen2", "Qwen2ForCausalLM", add_nothing},
                                               {"qwen3", "qwen3", "Qwen3ForCausalLM", add_nothing},
                                               {"qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM", add_experts},
                                               {"gemma", "gemma", "GemmaForCausalLM", add_nothing},
                                               {"gemma2", "gemma2", "Gemma2ForCausalLM", add_gemma2},
                                               {"gemma3", "gemma3_text", "Gemma3ForCausalLM", add_gemma3},
                                               {"smollm3", "smollm3", "SmolLM3ForCausalLM", add_smollm3},
                                               {"phi3", "phi3", "Phi3ForCausalLM", add_phi3},
                                               {"gpt-oss", "gpt_oss", "GptOssForCausalLM", add_gpt_oss},
                                               {"deci", "nemotron-nas", "DeciLMForCausalLM", add_deci, true}}};

Json sizes_of(GgufKeys& keys, const GgufFamily& family, const std::string& prefix) {
  Json config = {{"model_type", family.model_type}, {"architectures", {family.architecture}}};
  const std::int64_t hidden = keys.integer(prefix + "embedding_length", 1, hidden_size_max);
  const std::int64_t layers = keys.integer(prefix + "block_count", 1, layers_max);
  const auto all_heads = family.sizes_differ ? keys.of_layers(prefix + "attention.head_count", 0, heads_max, layers)
                                             : std::vector{keys.integer(prefix + "attention.head_count", 1, heads_max)};
  const std::int64_t heads = std::max(std::int64_t{1}, *std::max_element(all_heads.begin(), all_heads.end()));
  config["hidden_size"] = hidden;
  config["num_attention_heads"] = heads;
  config["num_hidden_layers"] = layers;
  if (!family.sizes_differ) {
    config["num_key_value_heads"] = keys.integer(prefix + "attention.head_count_kv", 1, heads_max, heads);
    config["intermediate_size"] = keys.integer(prefix + "feed_forward_length", 1, intermediate_size_max);
  }
  config["max_position_embeddings"] = keys.integer(prefix + "context_length", 1, position_max);
  const auto head_dim = keys.integer(prefix + "attention.key_length", 1, head_dim_max, std::max<std::int64_t>(1, hidden / heads));
  config["head_dim"] = head_dim;
  if (const auto key = prefix + "attention.value_length"; keys.integer(key, 1, head_dim_max, head_dim) != head_dim)
    keys.refuse(key, "differs from the key length, which is not supported");
  config["rms_norm_eps"] = keys.number(prefix + "attention.layer_norm_rms_epsilon");
  config["vocab_size"] = gguf_vocab_size(keys, prefix);
  config["tie_word_embeddings"] = !keys.file().tensors().contains("output.weight");
  return config;
}

Json id_or_null(std::int64_t id) { return id < 0 ? Json() : Json(id); }

void add_token_ids(GgufKeys& keys, Json& config) {
  Decoder ids;
  ids.vocab_size = config["vocab_size"];
  read_gguf_token_ids(keys, ids);
  config["bos_token_id"] = id_or_null(ids.bos_token_id);
  config["pad_token_id"] = id_or_null(ids.pad_token_id);
  config["eos_token_id"] = ids.eos_token_ids.empty() ? Json() : Json(ids.eos_token_ids);
}

Result<void> add_rope(const GgufFile& file, const std::string& prefix, Json& config) {
  const std::int64_t head_dim = config["head_dim"];
  if (head_dim % 2 != 0)
    return invalid(file.path().string() + ": metadata " + prefix + "attention.key_length: " + std::to_string(head_dim) +
                       " is not even, so its dimensions cannot be rotated in pairs", prefix + "attention.key_length");
  const bool is_phi3 = config["model_type"] == "phi3";
  const auto key = prefix + "rope.dimension_count";
  auto rope = read_gguf_rope(file, prefix, is_phi3 && file.has(key) ? *file.integer(key) : head_dim);
  if (!rope) return rope.error();
  if (rope->kind == Rope::Kind::longrope && !is_phi3)
    return invalid(file.path().string() + ": metadata " + prefix + "rope.scaling.type: longrope is supported for phi3 alone", prefix + "rope.scaling.type");
  if (config["model_type"] == "gpt_oss") rope->truncate = false;  // as it was trained
  nlohmann::ordered_json written;
  write_hub_rope(*rope, written);
  config["rope_theta"] = written["rope_theta"];
  config["rope_scaling"] = written["rope_scaling"];
  if (!is_phi3 || config["rope_scaling"].is_null()) return {};
  // Phi-3's own spelling has the two lengths beside it, from which the factor follows.
  for (const auto* name : {"rope_type", "factor", "original_max_position_embeddings"}) config["rope_scaling"].erase(name);
  config["rope_scaling"]["type"] = written["rope_scaling"]["rope_type"];
  return {};
}

}  // namespace

Result<Decoder> read_gguf_family(const GgufFile& file, const std::string& name) {
  const auto family = std::find_if(families.begin(), families.end(), [&](const auto& each) { return each.name == name; });
  if (family == families.end()) {
    std::string known = "llama";
    for (const auto& each : families) known += (&each == &families.back() ? " and " : ", ") + std::string(each.name);
    const std::string key = "general.architecture";
    return invalid(file.path().string() + ": metadata " + key + ": family " + printable(name) + " is not supported; " + known + " are",
                   key);
  }
  GgufKeys keys(file);
  const auto prefix = name + ".";
  auto config = sizes_of(keys, *family, prefix);
  if (!keys.error()) family->add(keys, prefix, config);
  if (!keys.error()) add_token_ids(keys, config);
  if (keys.error()) return *keys.error();
  if (auto added = add_rope(file, prefix, config); !added) return added.error();
  return parse_hub_config(config, file.path().string());
}

}  // namespace luthier::checkpoint
