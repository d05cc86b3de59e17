#include "gpu/train/layerwise.hpp"

namespace luthier::train {

void begin_layerwise_step(model::Trainable& trainable, Optimizer& optimizer, model::Workspace& workspace, std::int64_t step, double rate) {
  workspace.layer_done = [&trainable, &optimizer, step, rate](std::int64_t layer) {
    optimizer.update_layer(step, rate, layer);
    trainable.next_layer(layer);
  };
}

void end_layerwise_step(model::Trainable& trainable, Optimizer& optimizer, model::Workspace& workspace, std::int64_t step, double rate) {
  constexpr std::int64_t outside = -1;
  optimizer.update_layer(step, rate, outside);
  trainable.next_layer(outside);
  workspace.layer_done = {};
}

}  // namespace luthier::train
