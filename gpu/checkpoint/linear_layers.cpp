#include "gpu/checkpoint/linear_layers.hpp"

namespace luthier::checkpoint {

std::vector<LinearLayer> linear_layers(const Decoder& d) {
  const auto queries = d.num_heads * d.head_dim, keys = d.num_kv_heads * d.head_dim;
  std::vector<LinearLayer> layers;
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    const auto prefix = "model.layers." + std::to_string(i) + ".";
    layers.push_back({prefix + "self_attn.q_proj", d.hidden_size, queries});
    layers.push_back({prefix + "self_attn.k_proj", d.hidden_size, keys});
    layers.push_back({prefix + "self_attn.v_proj", d.hidden_size, keys});
    layers.push_back({prefix + "self_attn.o_proj", queries, d.hidden_size});
    layers.push_back({prefix + "mlp.gate_proj", d.hidden_size, d.intermediate_size});
    layers.push_back({prefix + "mlp.up_proj", d.hidden_size, d.intermediate_size});
    layers.push_back({prefix + "mlp.down_proj", d.intermediate_size, d.hidden_size});
  }
  layers.push_back({"lm_head", d.hidden_size, d.vocab_size});
  return layers;
}

}  // namespace luthier::checkpoint
