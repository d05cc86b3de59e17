// One block: a part with the norms around it and the residual stream past it. Internal to gpu/model.
#pragma once

#include "gpu/model/pass.hpp"

namespace luthier::model {

// From b.x to out, which may be b.x: the stream after the block. out nullptr: only what backward needs is wanted.
void block_forward(const Pass& pass, const Block& block, BlockBuffers& b, float* out);

// ws.dx: from the gradient of the block's output to that of its input, if anybody below needs it.
void block_backward(const Pass& pass, const Block& block, BlockBuffers& b, bool below);

}  // namespace luthier::model
