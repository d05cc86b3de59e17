// The beginning of the residual stream, and its gradient. Internal to gpu/model.
#pragma once

#include "gpu/model/pass.hpp"

namespace luthier::model {

// x: [tokens, hidden].
void inputs_forward(const Pass& pass, float* x);

// From ws.dx, which is destroyed, into the embeddings' gradients.
void inputs_backward(const Pass& pass);

}  // namespace luthier::model
