#include "gpu/checkpoint/linear_layers.hpp"

namespace luthier::checkpoint {

std::vector<LinearLayer> linear_layers(const Decoder& d) {
  std::vector<LinearLayer> layers;
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    const auto tensors = layer_tensors(d, i);
    for (const auto* group : {&tensors.qkv, &tensors.output, &tensors.gate_up, &tensors.down})
      layers.insert(layers.end(), group->begin(), group->end());
  }
  if (d.has_head) layers.push_back({"lm_head", d.hidden_size, d.vocab_size});
  return layers;
}

}  // namespace luthier::checkpoint
