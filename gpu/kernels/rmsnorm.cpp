#include "gpu/kernels/rmsnorm.hpp"

#include <cassert>
#include <cmath>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

LUTHIER_CLONES float row_sum_of_squares(std::int64_t width, const float* x) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) {
    const F16 v = load<F16>(x + i);
    total += v * v;
  }
  if (i < width) {
    const F16 v = load_part(x + i, width - i);
    total += v * v;
  }
  return sum(total);
}

LUTHIER_CLONES void scale_row(std::int64_t width, const float* x, float inverse, float offset, const float* weight, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] = (offset + weight[i]) * (x[i] * inverse);
}

// The second term of the gradient, as a factor of x.
LUTHIER_CLONES float pull_of_row(std::int64_t width, const float* x, float offset, const float* weight, float inverse, const float* dy) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) total += load<F16>(dy + i) * (offset + load<F16>(weight + i)) * load<F16>(x + i);
  if (i < width)
    total += load_part(dy + i, width - i) * (offset + load_part(weight + i, width - i)) * load_part(x + i, width - i);
  return sum(total) * inverse * inverse * inverse / static_cast<float>(width);
}

LUTHIER_CLONES void add_gradient_row(std::int64_t width, const float* x, float offset, const float* weight, float inverse,
                                     float pull, const float* dy, float* dx) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) dx[i] += inverse * (dy[i] * (offset + weight[i])) - x[i] * pull;
}

LUTHIER_CLONES void gradient_row(std::int64_t width, const float* x, float offset, const float* weight, float inverse, float pull,
                                 const float* dy, float* dx) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) dx[i] = inverse * (dy[i] * (offset + weight[i])) - x[i] * pull;
}

LUTHIER_CLONES void weight_row(std::int64_t width, const float* x, float inverse, const float* dy, float* dweight) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) dweight[i] += dy[i] * (x[i] * inverse);
}

}  // namespace

void rmsnorm_forward(const RmsNorm& n, const float* x, std::int64_t ldx, const float* weight, float* y, std::int64_t ldy,
                     float* inverse_rms) {
  const Timed timed("norm");
#pragma omp parallel for schedule(static) if (n.rows > 8)
  for (std::int64_t r = 0; r < n.rows; ++r)
    for (std::int64_t h = 0; h < n.heads; ++h) {
      const float* in = x + r * ldx + h * n.width;
      const float inverse = 1.0f / std::sqrt(row_sum_of_squares(n.width, in) / static_cast<float>(n.width) + n.epsilon);
      scale_row(n.width, in, inverse, n.offset, weight, y + r * ldy + h * n.width);
      if (inverse_rms) inverse_rms[r * n.heads + h] = inverse;
    }
}

void rmsnorm_backward(const RmsNorm& n, const float* x, std::int64_t ldx, const float* weight, const float* inverse_rms,
                      const float* dy, std::int64_t lddy, float beta, float* dx, std::int64_t lddx) {
  const Timed timed("norm");
  assert(beta == 0.0f || beta == 1.0f);
  const auto write = beta == 0.0f ? gradient_row : add_gradient_row;
#pragma omp parallel for schedule(static) if (n.rows > 8)
  for (std::int64_t r = 0; r < n.rows; ++r)
    for (std::int64_t h = 0; h < n.heads; ++h) {
      const float *in = x + r * ldx + h * n.width, *from = dy + r * lddy + h * n.width;
      const float inverse = inverse_rms[r * n.heads + h];
      const float pull = pull_of_row(n.width, in, n.offset, weight, inverse, from);
      write(n.width, in, n.offset, weight, inverse, pull, from, dx + r * lddx + h * n.width);
    }
}

void rmsnorm_backward_weight(const RmsNorm& n, const float* x, std::int64_t ldx, const float* inverse_rms, const float* dy,
                             std::int64_t lddy, float* dweight) {
  const Timed timed("norm");
  constexpr std::int64_t columns = 64;  // threads share out columns, so each element is summed by one of them, in order
#pragma omp parallel for schedule(static) if (n.rows > 8)
  for (std::int64_t begin = 0; begin < n.width; begin += columns) {
    const std::int64_t count = n.width - begin < columns ? n.width - begin : columns;
    for (std::int64_t r = 0; r < n.rows; ++r)
      for (std::int64_t h = 0; h < n.heads; ++h)
        weight_row(count, x + r * ldx + h * n.width + begin, inverse_rms[r * n.heads + h], dy + r * lddy + h * n.width + begin,
                   dweight + begin);
  }
}

}  // namespace luthier::kernels
