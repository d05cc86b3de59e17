// The forward pass of a network over a packed batch: embeddings, then one block after the other, each of which adds its part to the
// residual stream: in a Llama layer middle = x + o(attention(rope(qkv(norm(x))))), x' = middle + down(swiglu(gate_up(norm(middle)))).
#pragma once

#include <cstdint>

#include "gpu/model/batch.hpp"
#include "gpu/model/network.hpp"
#include "gpu/model/workspace.hpp"

namespace luthier::model {

// Dropout of one pass; a pass that only reads has none. Two passes with the same `pass` drop the same.
struct PassDropout {
  double rate = 0;
  std::uint64_t seed = 0;
  std::uint64_t pass = 0;  // counted over the whole training run

  Dropout of(std::size_t layer, std::size_t site) const;
};

// Fills workspace.out, and with a workspace for gradients whatever they need. Ids must be below the vocabulary's size,
// and no sequence longer than length_max(). Begins with the norms of DoRA's weights, which hold until the next one.
void forward(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& workspace);

}  // namespace luthier::model
