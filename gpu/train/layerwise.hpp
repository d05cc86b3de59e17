// Steps that update each layer as soon as backward() has its gradient, whose memory the next layer then uses. The same bits as a step
// that updates all at the end, as long as nothing has to be known of all gradients first: no clipping, one backward pass a step.
#pragma once

#include <cstdint>

#include "gpu/model/trainable.hpp"
#include "gpu/model/workspace.hpp"
#include "gpu/train/optimizer.hpp"

namespace luthier::train {

// Before the step's pass. `trainable` and `optimizer` must stay where they are until it has ended.
void begin_layerwise_step(model::Trainable& trainable, Optimizer& optimizer, model::Workspace& workspace, std::int64_t step, double rate);

// After it: updates what is outside the layers.
void end_layerwise_step(model::Trainable& trainable, Optimizer& optimizer, model::Workspace& workspace, std::int64_t step, double rate);

}  // namespace luthier::train
