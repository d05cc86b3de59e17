#pragma once

#include <vector>

#include "gpu/checkpoint/layer_tensors.hpp"

namespace luthier::checkpoint {

// All that an adapter may be put on, in the order in which the network computes them; "lm_head", tied or not, is the last.
// A router and the experts are not among them.
std::vector<LinearLayer> linear_layers(const Decoder& decoder);

// The experts of one layer as PEFT sees them, whatever tensors they are stored in: all gates and ups, or all downs.
struct ExpertParameter {
  std::string name;  // "model.layers.0.mlp.experts.gate_up_proj"
  std::int64_t experts = 0, in = 0, out = 0;
  std::string expert_name(std::int64_t expert) const;  // "model.layers.0.mlp.experts.3.gate_up_proj"
};
std::vector<ExpertParameter> expert_parameters(const Decoder& decoder);

// Linear layers that only target_parameters can name: PEFT does not see a router as one.
std::vector<LinearLayer> routers(const Decoder& decoder);

}  // namespace luthier::checkpoint
