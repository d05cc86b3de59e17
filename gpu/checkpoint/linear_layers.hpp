#pragma once

#include <vector>

#include "gpu/checkpoint/layer_tensors.hpp"

namespace luthier::checkpoint {

// All that an adapter may be put on, in the order in which the network computes them; "lm_head", tied or not, is the last.
// A router and the experts are not among them.
std::vector<LinearLayer> linear_layers(const Decoder& decoder);

}  // namespace luthier::checkpoint
