// Gemma 1, 2 and 3 (text): norms of 1 + w, scaled embeddings, gated GELU.
#include <cmath>
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/limits.hpp"

namespace luthier::checkpoint {
namespace {

constexpr double cap_max = 1e9;

bool all_but_each_nth(const Decoder&, std::int64_t layer, std::int64_t number) { return (layer + 1) % number != 0; }

void read_norms_around(Members& config, Decoder& d) {
  read_gemma(config, d);
  d.norm_place = NormPlace::around;
  d.attention_scale = 1 / std::sqrt(config.number("query_pre_attn_scalar", 1e-6, 1e9, 256));
}

// null is none; what is left out is what the family has.
double read_cap(Members& config, const std::string& key, double otherwise) {
  if (!config.has(key)) return config.is_null(key) ? 0 : otherwise;
  return config.number(key, 1e-6, cap_max);
}

}  // namespace

void read_gemma(Members& config, Decoder& d) {
  if (config.has("use_bidirectional_attention") && config.boolean("use_bidirectional_attention"))
    config.refuse("use_bidirectional_attention", "is not supported; it must be false");
  d.norm = NormKind::rms_plus_one;
  d.embedding_scale = std::sqrt(static_cast<double>(d.hidden_size));
  d.qkv_bias = d.output_bias = config.boolean("attention_bias", false);
  if (d.activation == Activation::gelu) d.activation = Activation::gelu_tanh;  // what "gelu" is meant to be in Gemma
}

void read_gemma2(Members& config, Decoder& d) {
  read_norms_around(config, d);
  d.attention_softcap = read_cap(config, "attn_logit_softcapping", 50);
  d.logit_softcap = read_cap(config, "final_logit_softcapping", 30);
  slide_layers(config, d, read_window(config, 4096), all_but_each_nth, 2);
}

void read_gemma3(Members& config, Decoder& d) {
  read_norms_around(config, d);
  d.attention_softcap = read_cap(config, "attn_logit_softcapping", 0);
  d.logit_softcap = read_cap(config, "final_logit_softcapping", 0);
  d.query_key_norm = true;
  slide_layers(config, d, read_window(config, 4096), all_but_each_nth, config.integer("sliding_window_pattern", 1, layers_max, 6));
  for (auto& layer : d.layers)
    if (layer.window > 0) layer.positions = Positions::local_rope;
}

}  // namespace luthier::checkpoint
