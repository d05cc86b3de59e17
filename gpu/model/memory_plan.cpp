#include "gpu/model/memory_plan.hpp"

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/rounded_weights.hpp"

namespace luthier::model {

Result<MemoryPlan> memory_plan(const checkpoint::Decoder& decoder, const MemorySettings& settings) {
  MemoryPlan plan;
  const checkpoint::WeightBytes weights = checkpoint::weight_bytes(decoder, settings.storage);
  plan.weights = weights.kept;
  plan.loading = weights.loading;
  LoraLayout lora;
  if (settings.full) {
    const std::size_t arrays = settings.keep == Keep::values ? 0 : settings.keep == Keep::gradients ? 1 : 3;
    plan.training = settings.by_layers && settings.keep == Keep::gradients ? Trainable::gradient_bytes_by_layers(decoder) : arrays * plan.weights;
    if (settings.pass.bfloat16_products) plan.copies = rounded_bytes(decoder);
  } else if (!settings.modules.empty()) {
    auto layout = lay_out_lora(decoder, settings.modules);
    if (!layout) return layout.error();
    lora = std::move(*layout);
    const std::size_t arrays = settings.keep == Keep::values ? 1 : settings.keep == Keep::gradients ? 2 : 4;
    plan.training = (arrays * lora.floats + lora.norm_floats) * sizeof(float);
  }
  plan.workspace =
      workspace_floats(decoder, settings.full || settings.modules.empty() ? nullptr : &lora, settings.pass) * sizeof(float);
  return plan;
}

}  // namespace luthier::model
