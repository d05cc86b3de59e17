// bf16 copies of the matrices that a network's products read, beside weights that are trained as f32.
#pragma once

#include <cstddef>

#include "events/base/result.hpp"
#include "gpu/checkpoint/checkpoint.hpp"

namespace luthier::model {

// One copy of each matrix that a product reads, but for routers, whose choices small differences change.
Result<checkpoint::Weights> allocate_rounded(const checkpoint::Decoder& decoder);
std::size_t rounded_bytes(const checkpoint::Decoder& decoder);

// What `weights` are now.
void round_into(const checkpoint::Weights& weights, const checkpoint::Weights& rounded);

}  // namespace luthier::model
