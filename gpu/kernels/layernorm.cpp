#include "gpu/kernels/layernorm.hpp"

#include <cassert>
#include <cmath>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

LUTHIER_CLONES float row_sum(std::int64_t width, const float* x) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) total += load<F16>(x + i);
  if (i < width) total += load_part(x + i, width - i);
  return sum(total);
}

// Around the mean, in a second pass: the difference of two large sums would lose the digits that matter.
LUTHIER_CLONES float row_sum_of_squares(std::int64_t width, const float* x, float mean) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) {
    const F16 v = load<F16>(x + i) - mean;
    total += v * v;
  }
  if (i < width) {
    const F16 v = load_part(x + i, width - i, mean) - mean;
    total += v * v;
  }
  return sum(total);
}

LUTHIER_CLONES void normal_row(std::int64_t width, const float* x, float mean, float inverse, const float* weight,
                               const float* bias, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] = weight[i] * ((x[i] - mean) * inverse) + bias[i];
}

struct Pulls {
  float mean, along;  // of g, and of g along the normalised row
};

LUTHIER_CLONES Pulls pulls_of_row(std::int64_t width, const float* x, float mean, float inverse, const float* weight, const float* dy) {
  F16 total{}, along{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) {
    const F16 g = load<F16>(dy + i) * load<F16>(weight + i);
    total += g;
    along += g * ((load<F16>(x + i) - mean) * inverse);
  }
  if (i < width) {
    const F16 g = load_part(dy + i, width - i) * load_part(weight + i, width - i);
    total += g;
    along += g * ((load_part(x + i, width - i) - mean) * inverse);
  }
  return {sum(total) / static_cast<float>(width), sum(along) / static_cast<float>(width)};
}

LUTHIER_CLONES void gradient_row(std::int64_t width, const float* x, float mean, float inverse, const float* weight,
                                 const Pulls& pulls, const float* dy, float beta, float* dx) {
  if (beta == 0.0f) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i)
      dx[i] = inverse * (dy[i] * weight[i] - pulls.mean - (x[i] - mean) * inverse * pulls.along);
    return;
  }
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i)
    dx[i] += inverse * (dy[i] * weight[i] - pulls.mean - (x[i] - mean) * inverse * pulls.along);
}

LUTHIER_CLONES void weight_row(std::int64_t width, const float* x, float mean, float inverse, const float* dy, float* dweight,
                               float* dbias) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) {
    dweight[i] += dy[i] * ((x[i] - mean) * inverse);
    dbias[i] += dy[i];
  }
}

}  // namespace

void layernorm_forward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* bias, float epsilon,
                       float* y, float* stats) {
  const Timed timed("norm");
#pragma omp parallel for schedule(static) if (rows > 8)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * width;
    const float mean = row_sum(width, in) / static_cast<float>(width);
    const float inverse = 1.0f / std::sqrt(row_sum_of_squares(width, in, mean) / static_cast<float>(width) + epsilon);
    normal_row(width, in, mean, inverse, weight, bias, y + r * width);
    if (!stats) continue;
    stats[2 * r] = mean;
    stats[2 * r + 1] = inverse;
  }
}

void layernorm_backward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* stats,
                        const float* dy, float beta, float* dx) {
  const Timed timed("norm");
  assert(beta == 0.0f || beta == 1.0f);
#pragma omp parallel for schedule(static) if (rows > 8)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float *in = x + r * width, *from = dy + r * width;
    const float mean = stats[2 * r], inverse = stats[2 * r + 1];
    gradient_row(width, in, mean, inverse, weight, pulls_of_row(width, in, mean, inverse, weight, from), from, beta, dx + r * width);
  }
}

void layernorm_backward_weight(std::int64_t rows, std::int64_t width, const float* x, const float* stats, const float* dy,
                               float* dweight, float* dbias) {
  const Timed timed("norm");
  constexpr std::int64_t columns = 64;  // threads share out columns, so each element is summed by one of them, in order
#pragma omp parallel for schedule(static) if (rows > 8)
  for (std::int64_t begin = 0; begin < width; begin += columns) {
    const std::int64_t count = width - begin < columns ? width - begin : columns;
    for (std::int64_t r = 0; r < rows; ++r)
      weight_row(count, x + r * width + begin, stats[2 * r], stats[2 * r + 1], dy + r * width + begin, dweight + begin, dbias + begin);
  }
}

}  // namespace luthier::kernels
