// Llama and the families that differ from it in little: Mistral, Qwen, SmolLM3, Phi-3.
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/limits.hpp"

namespace luthier::checkpoint {

void read_llama(Members& config, Decoder& d) {
  d.qkv_bias = d.output_bias = config.boolean("attention_bias", false);
  d.mlp_bias = config.boolean("mlp_bias", false);
}

void read_mistral(Members& config, Decoder& d) {
  const auto window = read_window(config, 4096);
  for (auto& layer : d.layers) layer.window = window;
}

namespace {

bool from_number_on(const Decoder&, std::int64_t layer, std::int64_t number) { return layer >= number; }

// Of Qwen 2 and dense Qwen 3: a window is only used when config.json says so, and then not by the first layers.
void read_qwen_windows(Members& config, Decoder& d) {
  const auto window = config.boolean("use_sliding_window", false) ? read_window(config, 4096) : 0;
  slide_layers(config, d, window, from_number_on, config.integer("max_window_layers", 0, layers_max, 28));
}

void read_qwen3_attention(Members& config, Decoder& d) {
  d.qkv_bias = d.output_bias = config.boolean("attention_bias", false);
  d.query_key_norm = true;
}

}  // namespace

void read_qwen2(Members& config, Decoder& d) {
  d.qkv_bias = true;
  read_qwen_windows(config, d);
}

void read_qwen3(Members& config, Decoder& d) {
  read_qwen3_attention(config, d);
  read_qwen_windows(config, d);
}

void read_qwen3_moe(Members& config, Decoder& d) {
  read_qwen3_attention(config, d);
  const auto window = config.boolean("use_sliding_window", false) ? read_window(config, 4096) : 0;
  const auto experts = config.integer("num_experts", 0, experts_max, 128), step = config.integer("decoder_sparse_step", 1, layers_max, 1);
  const auto width = config.integer("moe_intermediate_size", 1, intermediate_size_max, 768);
  d.experts.per_token = config.integer("num_experts_per_tok", 1, experts_max, 8);
  d.experts.sums_to_one = config.boolean("norm_topk_prob", false);
  const auto dense = config.integers("mlp_only_layers", 0, layers_max);
  std::vector<bool> is_dense(static_cast<std::size_t>(layers_max) + 1);
  for (const auto layer : dense) is_dense[static_cast<std::size_t>(layer)] = true;
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    auto& layer = d.layers[static_cast<std::size_t>(i)];
    layer.window = window;
    if (experts == 0 || is_dense[static_cast<std::size_t>(i)] || (i + 1) % step != 0) continue;
    layer.num_experts = experts;
    layer.intermediate_size = width;
  }
}

namespace {

bool is_without_positions(const Decoder& d, std::int64_t layer, std::int64_t) {
  return d.layers[static_cast<std::size_t>(layer)].positions == Positions::none;
}

}  // namespace

void read_smollm3(Members& config, Decoder& d) {
  read_llama(config, d);
  // A layer's entry in no_rope_layers is 1 when it has positions.
  auto rotated = config.integers("no_rope_layers", 0, 1);
  const auto interval = config.integer("no_rope_layer_interval", 1, layers_max, 4);
  if (!config.has("no_rope_layers"))
    for (std::int64_t i = 0; i < d.num_layers; ++i) rotated.push_back((i + 1) % interval != 0);
  if (rotated.size() != d.layers.size())
    return config.refuse("no_rope_layers",
                         "has " + std::to_string(rotated.size()) + " entries for " + std::to_string(d.num_layers) + " layers");
  for (std::size_t i = 0; i < rotated.size(); ++i)
    if (rotated[i] == 0) d.layers[i].positions = Positions::none;
  slide_layers(config, d, config.boolean("use_sliding_window", false) ? read_window(config, 0) : 0, is_without_positions);
}

void read_phi3(Members& config, Decoder& d) {
  d.fused_qkv = d.fused_gate_up = true;
  const auto window = read_window(config, 0);
  for (auto& layer : d.layers) layer.window = window;
}

}  // namespace luthier::checkpoint
