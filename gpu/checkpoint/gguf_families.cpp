#include "gpu/checkpoint/gguf_families.hpp"

#include <algorithm>
#include <array>
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

void add_gemma3(GgufKeys& keys, const std::string& prefix, Json& config) {
  add_gemma(keys, prefix, 62, config);
  config["sliding_window_pattern"] = 6;
  config["rope_local_base_freq"] = 10000.0;
}

struct GgufFamily {
  std::string_view name, model_type, architecture;
  Add* add;
};
constexpr std::array<GgufFamily, 5> families{{{"qwen2", "qwen2", "Qwen2ForCausalLM", add_nothing},
                                              {"qwen3", "qwen3", "Qwen3ForCausalLM", add_nothing},
                                              {"qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM", add_experts},
                                              {"gemma2", "gemma2", "Gemma2ForCausalLM", add_gemma2},
                                              {"gemma3", "gemma3_text", "Gemma3ForCausalLM", add_gemma3}}};

Json sizes_of(GgufKeys& keys, const GgufFamily& family, const std::string& prefix) {
  Json config = {{"model_type", family.model_type}, {"architectures", {family.architecture}}};
  const std::int64_t hidden = keys.integer(prefix + "embedding_length", 1, hidden_size_max);
  const std::int64_t heads = keys.integer(prefix + "attention.head_count", 1, heads_max);
  config["hidden_size"] = hidden;
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = keys.integer(prefix + "attention.head_count_kv", 1, heads_max, heads);
  config["num_hidden_layers"] = keys.integer(prefix + "block_count", 1, layers_max);
  config["intermediate_size"] = keys.integer(prefix + "feed_forward_length", 1, intermediate_size_max);
  config["max_position_embeddings"] = keys.integer(prefix + "context_length", 1, position_max);
  const auto head_dim = keys.integer(prefix + "attention.key_length", 1, head_dim_max, std::max<std::int64_t>(1, hidden / heads));
  config["head_dim"] = head_dim;
  if (const auto key = prefix + "attention.value_length"; keys.integer(key, 1, head_dim_max, head_dim) != head_dim)
    keys.keep(invalid(keys.file().path().string() + ": metadata " + key + ": differs from the key length, which is not supported", key));
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
  const auto rope = read_gguf_rope(file, prefix, head_dim);
  if (!rope) return rope.error();
  nlohmann::ordered_json written;
  write_hub_rope(*rope, written);
  config["rope_theta"] = written["rope_theta"];
  config["rope_scaling"] = written["rope_scaling"];
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
