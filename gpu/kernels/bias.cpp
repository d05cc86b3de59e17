#include "gpu/kernels/bias.hpp"

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::kernels {
namespace {

LUTHIER_CLONES void add_row(std::int64_t width, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] += x[i];
}

}  // namespace

void add_bias(std::int64_t rows, std::int64_t width, const float* bias, float* y, std::int64_t ldy) {
  const Timed timed("bias");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) add_row(width, bias, y + r * ldy);
}

void bias_backward(std::int64_t rows, std::int64_t width, const float* dy, std::int64_t lddy, float* dbias) {
  const Timed timed("bias");
  constexpr std::int64_t columns = 64;
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t begin = 0; begin < width; begin += columns) {
    const std::int64_t count = width - begin < columns ? width - begin : columns;
    for (std::int64_t r = 0; r < rows; ++r) add_row(count, dy + r * lddy + begin, dbias + begin);
  }
}

}  // namespace luthier::kernels
