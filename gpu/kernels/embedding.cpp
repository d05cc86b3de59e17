#include "gpu/kernels/embedding.hpp"

#include <cstring>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

LUTHIER_CLONES void add_row(std::int64_t width, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] += x[i];
}

LUTHIER_CLONES void add_scaled_row(std::int64_t width, float scale, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] += scale * x[i];
}

LUTHIER_CLONES void scale_row(std::int64_t width, float scale, float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) x[i] *= scale;
}

LUTHIER_CLONES float dot(std::int64_t width, const float* x, const float* y) {
  simd::F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) total += simd::load<simd::F16>(x + i) * simd::load<simd::F16>(y + i);
  if (i < width) total += simd::load_part(x + i, width - i) * simd::load_part(y + i, width - i);
  return simd::sum(total);
}

}  // namespace

void gather_rows(std::int64_t rows, std::int64_t width, const float* table, const std::int32_t* ids, float* out) {
  const Timed timed("embedding");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r)
    std::memcpy(out + r * width, table + static_cast<std::int64_t>(ids[r]) * width,
                static_cast<std::size_t>(width) * sizeof(float));
}

void scatter_add_rows(std::int64_t rows, std::int64_t width, const float* values, const std::int32_t* ids, float* table,
                      std::int64_t skipped) {
  const Timed timed("embedding");
  constexpr std::int64_t columns = 64;  // threads share out columns: no two of them ever write the same element
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t begin = 0; begin < width; begin += columns) {
    const std::int64_t count = width - begin < columns ? width - begin : columns;
    for (std::int64_t r = 0; r < rows; ++r) {
      if (ids[r] == skipped) continue;
      add_row(count, values + r * width + begin, table + static_cast<std::int64_t>(ids[r]) * width + begin);
    }
  }
}

void add_gathered_rows(std::int64_t rows, std::int64_t width, const float* table, const std::int32_t* ids, float* out) {
  const Timed timed("gathering");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) add_row(width, table + static_cast<std::int64_t>(ids[r]) * width, out + r * width);
}

void scatter_add_distinct_rows(std::int64_t rows, std::int64_t width, const float* values, const std::int32_t* ids,
                               const float* scales, float* table) {
  const Timed timed("gathering");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) {
    float* to = table + static_cast<std::int64_t>(ids[r]) * width;
    if (scales)
      add_scaled_row(width, scales[r], values + r * width, to);
    else
      add_row(width, values + r * width, to);
  }
}

void scale_rows(std::int64_t rows, std::int64_t width, const float* scales, float* x) {
  const Timed timed("scaling");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) scale_row(width, scales[r], x + r * width);
}

void dot_rows(std::int64_t rows, std::int64_t width, const float* a, const float* b, float* out) {
  const Timed timed("router");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) out[r] = dot(width, a + r * width, b + r * width);
}

}  // namespace luthier::kernels
