// GPT-OSS: https://huggingface.co/openai/gpt-oss-20b
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/limits.hpp"

namespace luthier::checkpoint {
namespace {

bool every_other(const Decoder&, std::int64_t layer, std::int64_t) { return layer % 2 == 0; }

}  // namespace

void read_gpt_oss(Members& config, Decoder& d) {
  d.qkv_bias = d.output_bias = config.boolean("attention_bias", true);
  d.attention_sinks = true;
  d.swiglu_limit = config.number("swiglu_limit", 1e-6, 1e9, 7.0);
  d.swiglu_alpha = config.number("swiglu_alpha", -1e9, 1e9, 1.702);
  d.experts.per_token = config.integer("num_experts_per_tok", 1, experts_max, 4);
  d.experts.softmax_after_choice = d.experts.biases = d.experts.stacked = true;
  const auto experts = config.integer("num_local_experts", 1, experts_max, 128);
  for (auto& layer : d.layers) layer.num_experts = experts;
  slide_layers(config, d, read_window(config, 128), every_other);
}

}  // namespace luthier::checkpoint
