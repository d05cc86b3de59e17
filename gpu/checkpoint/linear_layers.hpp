#pragma once

#include <string>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

struct LinearLayer {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  std::int64_t in, out;
};

// All of them, in the order in which the network computes them; "lm_head", tied or not, is the last.
std::vector<LinearLayer> linear_layers(const Decoder& decoder);

}  // namespace luthier::checkpoint
