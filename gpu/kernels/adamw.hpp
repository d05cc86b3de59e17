// Adam with decoupled weight decay (arXiv 1711.05101), in PyTorch's order of operations.
#pragma once

#include <cstdint>

namespace luthier::kernels {

struct AdamwStep {
  std::int64_t step = 1;  // from 1
  double learning_rate = 0;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;    // 0 for biases and norm weights: the caller knows which they are
  float gradient_scale = 1;   // of clipping; the gradient itself is not changed
};

// weight, gradient, moment1, moment2: [count].
void adamw(std::int64_t count, const AdamwStep& step, float* weight, const float* gradient, float* moment1, float* moment2);

// The same with half of the memory: moments[i] holds both moments of weight i as bfloat16, the first in its low half. A value
// between two bfloat16 numbers becomes the nearer one more often, so that what is too small to be stored counts on average:
// with beta2 0.999 a second moment that is rounded to nearest would never fall. The draw is a function of (seed, step,
// first, i) alone, whatever the number of threads. The step itself is taken from the moments before they are rounded.
struct Rounding {
  std::uint64_t seed = 0;
  std::uint64_t first = 0;  // the place of weight 0 among all that are trained
};
void adamw_bf16(std::int64_t count, const AdamwStep& step, const Rounding& rounding, float* weight, const float* gradient,
                std::uint32_t* moments);

}  // namespace luthier::kernels
