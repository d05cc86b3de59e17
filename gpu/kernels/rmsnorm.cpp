#include "gpu/kernels/rmsnorm.hpp"

#include <cmath>

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

LUTHIER_CLONES void scale_row(std::int64_t width, const float* x, float inverse, const float* weight, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] = weight[i] * (x[i] * inverse);
}

LUTHIER_CLONES void backward_row(std::int64_t width, const float* x, const float* weight, float inverse, const float* dy,
                                 float* dx) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) total += load<F16>(dy + i) * load<F16>(weight + i) * load<F16>(x + i);
  if (i < width)
    total += load_part(dy + i, width - i) * load_part(weight + i, width - i) * load_part(x + i, width - i);
  const float pull = sum(total) * inverse * inverse * inverse / static_cast<float>(width);
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) dx[j] += inverse * (dy[j] * weight[j]) - x[j] * pull;
}

LUTHIER_CLONES void weight_row(std::int64_t width, const float* x, float inverse, const float* dy, float* dweight) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) dweight[i] += dy[i] * (x[i] * inverse);
}

}  // namespace

void rmsnorm_forward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, float epsilon, float* y,
                     float* inverse_rms) {
#pragma omp parallel for schedule(static) if (rows > 8)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * width;
    const float inverse = 1.0f / std::sqrt(row_sum_of_squares(width, in) / static_cast<float>(width) + epsilon);
    scale_row(width, in, inverse, weight, y + r * width);
    if (inverse_rms) inverse_rms[r] = inverse;
  }
}

void rmsnorm_backward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* inverse_rms,
                      const float* dy, float* dx) {
#pragma omp parallel for schedule(static) if (rows > 8)
  for (std::int64_t r = 0; r < rows; ++r)
    backward_row(width, x + r * width, weight, inverse_rms[r], dy + r * width, dx + r * width);
}

void rmsnorm_backward_weight(std::int64_t rows, std::int64_t width, const float* x, const float* inverse_rms,
                             const float* dy, float* dweight) {
  constexpr std::int64_t columns = 64;  // threads share out columns, so each element is summed by one of them, in order
#pragma omp parallel for schedule(static) if (rows > 8)
  for (std::int64_t begin = 0; begin < width; begin += columns) {
    const std::int64_t count = width - begin < columns ? width - begin : columns;
    for (std::int64_t r = 0; r < rows; ++r)
      weight_row(count, x + r * width + begin, inverse_rms[r], dy + r * width + begin, dweight + begin);
  }
}

}  // namespace luthier::kernels
