// The backward pass, block by block from the top, without a graph: each step is the transpose of one of the forward pass.
#pragma once

#include "gpu/model/forward.hpp"

namespace luthier::model {

// After forward() and loss_and_gradient() on the same batch. Adds to the gradients of everything that is trained, and goes
// no deeper than the lowest block that is.
void backward(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& workspace);

}  // namespace luthier::model
