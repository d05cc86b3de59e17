#include "gpu/train/merge.hpp"

#include <cassert>
#include <vector>

#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/model/dora.hpp"

namespace luthier::train {

Result<void> check_mergeable(const checkpoint::Adapter& adapter, const checkpoint::Decoder& decoder) {
  if (!decoder.tie_word_embeddings) return {};
  for (const auto& module : adapter.modules)
    if (module.name == "lm_head")
      return invalid("lm_head has the embeddings' weights in this model, and an adapter of it cannot be merged; leave lm_head out of the targets",
                     "lora.target_modules");
  return {};
}

void merge_adapter(const checkpoint::Adapter& adapter, checkpoint::Weights& weights) {
  for (const auto& module : adapter.modules) {
    const auto* weight = weights.find(module.name + ".weight");
    assert(weight && weight->shape.size() == 2);
    const std::int64_t out = weight->shape[0], in = weight->shape[1], rank = module.r;
    float* const w = weight->values.data();
    const float *const a = module.a.values.data(), *const b = module.b.values.data();
#pragma omp parallel for schedule(static)
    for (std::int64_t row = 0; row < out; ++row)
      for (std::int64_t r = 0; r < rank; ++r) {
        const float factor = module.scale * b[row * rank + r];
        for (std::int64_t column = 0; column < in; ++column) w[row * in + column] += factor * a[r * in + column];
      }
    if (module.magnitude.shape.empty()) continue;
    std::vector<float> gains(static_cast<std::size_t>(out));
    kernels::row_norms(out, in, w, gains.data());
    for (std::size_t row = 0; row < gains.size(); ++row) gains[row] = model::dora_gain(module.magnitude.values[row], gains[row]);
    kernels::scale_rows(out, in, gains.data(), w);
  }
}

}  // namespace luthier::train
