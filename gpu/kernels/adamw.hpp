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

}  // namespace luthier::kernels
