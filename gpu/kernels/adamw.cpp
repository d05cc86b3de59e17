#include "gpu/kernels/adamw.hpp"

#ifndef __clang__
#pragma GCC optimize("no-math-errno")  // or the square root below is a call for every element
#endif

#include <cmath>

#include "gpu/kernels/dispatch.hpp"

namespace luthier::kernels {
namespace {

struct Factors {
  float decay, beta1, beta2, rest1, rest2, step_size, root_correction, epsilon, gradient_scale;
};

LUTHIER_CLONES void update(std::int64_t count, const Factors& f, float* weight, const float* gradient, float* moment1,
                           float* moment2) {
  const Factors k = f;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = gradient[i] * k.gradient_scale;
    const float m = moment1[i] * k.beta1 + g * k.rest1;
    const float v = moment2[i] * k.beta2 + g * g * k.rest2;
    moment1[i] = m;
    moment2[i] = v;
    weight[i] = weight[i] * k.decay - k.step_size * m / (__builtin_sqrtf(v) / k.root_correction + k.epsilon);
  }
}

}  // namespace

void adamw(std::int64_t count, const AdamwStep& step, float* weight, const float* gradient, float* moment1, float* moment2) {
  const double correction1 = 1.0 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1.0 - std::pow(step.beta2, static_cast<double>(step.step));
  const Factors factors{.decay = static_cast<float>(1.0 - step.learning_rate * step.weight_decay),
                        .beta1 = static_cast<float>(step.beta1),
                        .beta2 = static_cast<float>(step.beta2),
                        .rest1 = static_cast<float>(1.0 - step.beta1),
                        .rest2 = static_cast<float>(1.0 - step.beta2),
                        .step_size = static_cast<float>(step.learning_rate / correction1),
                        .root_correction = static_cast<float>(std::sqrt(correction2)),
                        .epsilon = static_cast<float>(step.epsilon),
                        .gradient_scale = step.gradient_scale};
  constexpr std::int64_t block = 16384;
#pragma omp parallel for schedule(static) if (count > block)
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const std::int64_t length = count - begin < block ? count - begin : block;
    update(length, factors, weight + begin, gradient + begin, moment1 + begin, moment2 + begin);
  }
}

}  // namespace luthier::kernels
