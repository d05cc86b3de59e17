#include "gpu/kernels/embedding.hpp"

#include <cstring>

#include "gpu/kernels/dispatch.hpp"

namespace luthier::kernels {
namespace {

LUTHIER_CLONES void add_row(std::int64_t width, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] += x[i];
}

}  // namespace

void gather_rows(std::int64_t rows, std::int64_t width, const float* table, const std::int32_t* ids, float* out) {
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r)
    std::memcpy(out + r * width, table + static_cast<std::int64_t>(ids[r]) * width,
                static_cast<std::size_t>(width) * sizeof(float));
}

void scatter_add_rows(std::int64_t rows, std::int64_t width, const float* values, const std::int32_t* ids, float* table,
                      std::int64_t skipped) {
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

}  // namespace luthier::kernels
