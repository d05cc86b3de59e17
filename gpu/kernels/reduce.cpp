#include "gpu/kernels/reduce.hpp"

#include <cmath>
#include <vector>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

constexpr std::int64_t block_length = 4096;

LUTHIER_CLONES double block_sum_of_squares(std::int64_t count, const float* values) {
  double lanes[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j < 8; ++j) lanes[j] += static_cast<double>(values[i + j]) * static_cast<double>(values[i + j]);
  for (; i < count; ++i) lanes[i % 8] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

LUTHIER_CLONES void add_block(std::int64_t count, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
}

LUTHIER_CLONES void scale_block(std::int64_t count, float by, float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) x[i] *= by;
}

// An infinity or a NaN times 0 is a NaN, and a sum keeps it.
LUTHIER_CLONES bool block_finite(std::int64_t count, const float* values) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) total += load<F16>(values + i) * 0.0f;
  if (i < count) total += load_part(values + i, count - i) * 0.0f;
  return sum(total) == 0.0f;
}

std::int64_t length_of(std::int64_t begin, std::int64_t count) {
  return count - begin < block_length ? count - begin : block_length;
}

LUTHIER_CLONES float largest(std::int64_t count, const float* x) {
  constexpr float lowest = -3.0e38f;
  F16 best = splat(lowest);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) best = simd::max(best, load<F16>(x + i));
  if (i < count) best = simd::max(best, load_part(x + i, count - i, lowest));
  return simd::max(best);
}

}  // namespace

double sum_of_squares(std::int64_t count, const float* values) {
  const Timed timed("sum of squares");
  const std::int64_t blocks = (count + block_length - 1) / block_length;
  std::vector<double> sums(static_cast<std::size_t>(blocks));
#pragma omp parallel for schedule(static) if (blocks > 4)
  for (std::int64_t b = 0; b < blocks; ++b)
    sums[static_cast<std::size_t>(b)] =
        block_sum_of_squares(length_of(b * block_length, count), values + b * block_length);
  double total = 0;
  for (const double part : sums) total += part;
  return total;
}

void row_norms(std::int64_t rows, std::int64_t width, const float* x, float* norms) {
  const Timed timed("row norms");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) norms[r] = static_cast<float>(std::sqrt(block_sum_of_squares(width, x + r * width)));
}

void add(std::int64_t count, const float* x, float* y) {
  const Timed timed("addition");
#pragma omp parallel for schedule(static) if (count > 4 * block_length)
  for (std::int64_t begin = 0; begin < count; begin += block_length)
    add_block(length_of(begin, count), x + begin, y + begin);
}

void scale(std::int64_t count, float by, float* x) {
  const Timed timed("scaling");
#pragma omp parallel for schedule(static) if (count > 4 * block_length)
  for (std::int64_t begin = 0; begin < count; begin += block_length) scale_block(length_of(begin, count), by, x + begin);
}

bool all_finite(std::int64_t count, const float* values) {
  bool finite = true;
#pragma omp parallel for schedule(static) reduction(&& : finite) if (count > 4 * block_length)
  for (std::int64_t begin = 0; begin < count; begin += block_length)
    finite = finite && block_finite(length_of(begin, count), values + begin);
  return finite;
}

float max_of(std::int64_t count, const float* x) { return largest(count, x); }

}  // namespace luthier::kernels
