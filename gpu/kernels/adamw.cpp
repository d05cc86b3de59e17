#include "gpu/kernels/adamw.hpp"

#include <bit>
#include <cmath>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/random.hpp"

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

// A hash that leaves no bit of its input unmixed: 16 random bits for each of two roundings.
LUTHIER_INLINE std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

struct Draw {
  std::uint32_t key, offset;
};

LUTHIER_CLONES void update_bf16(std::int64_t count, const Factors& f, const Draw& draw, float* weight, const float* gradient,
                                std::uint32_t* moments) {
  const Factors k = f;
  const Draw d = draw;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t held = moments[i];
    const float g = gradient[i] * k.gradient_scale;
    const float m = std::bit_cast<float>(held << 16) * k.beta1 + g * k.rest1;
    const float v = std::bit_cast<float>(held & 0xffff0000u) * k.beta2 + g * g * k.rest2;
    weight[i] = weight[i] * k.decay - k.step_size * m / (__builtin_sqrtf(v) / k.root_correction + k.epsilon);
    const std::uint32_t random = mixed((d.offset + static_cast<std::uint32_t>(i)) ^ d.key);
    const std::uint32_t low = (std::bit_cast<std::uint32_t>(m) + (random & 0xffffu)) >> 16;
    const std::uint32_t high = (std::bit_cast<std::uint32_t>(v) + (random >> 16)) & 0xffff0000u;
    moments[i] = low | high;
  }
}

Factors factors_of(const AdamwStep& step) {
  const double correction1 = 1.0 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1.0 - std::pow(step.beta2, static_cast<double>(step.step));
  return {.decay = static_cast<float>(1.0 - step.learning_rate * step.weight_decay),
          .beta1 = static_cast<float>(step.beta1),
          .beta2 = static_cast<float>(step.beta2),
          .rest1 = static_cast<float>(1.0 - step.beta1),
          .rest2 = static_cast<float>(1.0 - step.beta2),
          .step_size = static_cast<float>(step.learning_rate / correction1),
          .root_correction = static_cast<float>(std::sqrt(correction2)),
          .epsilon = static_cast<float>(step.epsilon),
          .gradient_scale = step.gradient_scale};
}

constexpr std::int64_t block = 16384;

}  // namespace

void adamw(std::int64_t count, const AdamwStep& step, float* weight, const float* gradient, float* moment1, float* moment2) {
  const Timed timed("AdamW");
  const Factors factors = factors_of(step);
#pragma omp parallel for schedule(static) if (count > block)
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const std::int64_t length = count - begin < block ? count - begin : block;
    update(length, factors, weight + begin, gradient + begin, moment1 + begin, moment2 + begin);
  }
}

void adamw_bf16(std::int64_t count, const AdamwStep& step, const Rounding& rounding, float* weight, const float* gradient,
                std::uint32_t* moments) {
  const Timed timed("AdamW");
  const Factors factors = factors_of(step);
  constexpr std::uint64_t rounding_streams = std::uint64_t{3} << 61;  // far from dropout's, which start at 0, and from the shuffle's
#pragma omp parallel for schedule(static) if (count > block)
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const std::int64_t length = count - begin < block ? count - begin : block;
    const std::uint64_t place = rounding.first + static_cast<std::uint64_t>(begin);
    const auto words = random_block(rounding.seed, rounding_streams + static_cast<std::uint64_t>(step.step), place / 16384);
    update_bf16(length, factors, {words[0], static_cast<std::uint32_t>(place)}, weight + begin, gradient + begin, moments + begin);
  }
}

}  // namespace luthier::kernels
