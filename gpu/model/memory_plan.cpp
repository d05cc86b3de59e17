#include "gpu/model/memory_plan.hpp"

#include "gpu/model/layout.hpp"

namespace luthier::model {
namespace {

std::size_t weight_bytes(const checkpoint::Decoder& decoder) {
  Layout layout;
  for (const auto& [name, shape] : checkpoint::weight_shapes(decoder)) {
    std::size_t count = 1;
    for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
    layout.add(count);
  }
  return layout.floats() * sizeof(float);
}

}  // namespace

Result<MemoryPlan> memory_plan(const checkpoint::Decoder& decoder, const MemorySettings& settings) {
  MemoryPlan plan;
  plan.weights = weight_bytes(decoder);
  LoraLayout lora;
  if (settings.full) {
    const std::size_t arrays = settings.keep == Keep::values ? 0 : settings.keep == Keep::gradients ? 1 : 3;
    plan.training = arrays * plan.weights;
  } else if (!settings.modules.empty()) {
    auto layout = lay_out_lora(decoder, settings.modules);
    if (!layout) return layout.error();
    lora = std::move(*layout);
    const std::size_t arrays = settings.keep == Keep::values ? 1 : settings.keep == Keep::gradients ? 2 : 4;
    plan.training = arrays * lora.floats * sizeof(float);
  }
  plan.workspace =
      workspace_floats(decoder, settings.full || settings.modules.empty() ? nullptr : &lora, settings.pass) * sizeof(float);
  return plan;
}

}  // namespace luthier::model
