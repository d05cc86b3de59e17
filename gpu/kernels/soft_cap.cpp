#include "gpu/kernels/soft_cap.hpp"

#include <algorithm>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

constexpr std::int64_t block = 4096;

LUTHIER_CLONES void cap_block(std::int64_t count, float cap, float* x, float* slopes) {
  for (std::int64_t i = 0; i < count; i += 16) {
    const std::int64_t lanes = std::min<std::int64_t>(16, count - i);
    const F16 t = simd::tanh(load_part(x + i, lanes) / cap);
    store_part(x + i, t * cap, lanes);
    if (slopes) store_part(slopes + i, 1.0f - t * t, lanes);
  }
}

LUTHIER_CLONES void multiply_block(std::int64_t count, const float* by, float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) x[i] *= by[i];
}

}  // namespace

void soft_cap(std::int64_t count, float cap, float* x, float* slopes) {
  const Timed timed("soft cap");
#pragma omp parallel for schedule(static) if (count > 4 * block)
  for (std::int64_t begin = 0; begin < count; begin += block)
    cap_block(std::min(block, count - begin), cap, x + begin, slopes ? slopes + begin : nullptr);
}

void multiply(std::int64_t count, const float* by, float* x) {
  const Timed timed("soft cap");
#pragma omp parallel for schedule(static) if (count > 4 * block)
  for (std::int64_t begin = 0; begin < count; begin += block) multiply_block(std::min(block, count - begin), by + begin, x + begin);
}

}  // namespace luthier::kernels
