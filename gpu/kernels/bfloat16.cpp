#include "gpu/kernels/bfloat16.hpp"

#include <algorithm>
#include <bit>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::kernels {
namespace {

// In whole numbers, not by the processor's own instruction, which takes denormal values for 0: the same bits on every processor.
LUTHIER_INLINE std::uint32_t rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return is_nan ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
}

LUTHIER_CLONES void round_block(std::int64_t count, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = std::bit_cast<float>(rounded(x[i]) & 0xffff0000u);
}

// Through a small buffer, because y may lie where x does.
LUTHIER_CLONES void narrow_block(std::int64_t count, float scale, const float* x, Bfloat16* y) {
  constexpr std::int64_t size = 64;
  std::int64_t i = 0;
  for (; i + size <= count; i += size) {
    std::uint16_t some[size];
#pragma omp simd
    for (std::int64_t j = 0; j < size; ++j) some[j] = static_cast<std::uint16_t>(rounded(scale * x[i + j]) >> 16);
    __builtin_memcpy(y + i, some, sizeof some);
  }
  for (; i < count; ++i) y[i].bits = static_cast<std::uint16_t>(rounded(scale * x[i]) >> 16);
}

LUTHIER_CLONES void widen_block(std::int64_t count, const Bfloat16* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = std::bit_cast<float>(std::uint32_t{x[i].bits} << 16);
}

constexpr std::int64_t block = 16384;  // values that are worth a thread

}  // namespace

void round_to_bfloat16(std::int64_t count, const float* x, float* y) {
#pragma omp parallel for schedule(static) if (count > block)
  for (std::int64_t begin = 0; begin < count; begin += block) round_block(std::min(block, count - begin), x + begin, y + begin);
}

void narrow(std::int64_t rows, std::int64_t width, float scale, const float* x, std::int64_t ldx, Bfloat16* y, std::int64_t ldy) {
  const Timed timed("rounding to bf16");
  if (ldx == width && ldy == width) {  // one long row
    const std::int64_t count = rows * width;
#pragma omp parallel for schedule(static) if (count > block)
    for (std::int64_t begin = 0; begin < count; begin += block) narrow_block(std::min(block, count - begin), scale, x + begin, y + begin);
    return;
  }
#pragma omp parallel for schedule(static) if (rows * width > block)
  for (std::int64_t r = 0; r < rows; ++r) narrow_block(width, scale, x + r * ldx, y + r * ldy);
}

void widen(std::int64_t count, const Bfloat16* x, float* y) {
#pragma omp parallel for schedule(static) if (count > block)
  for (std::int64_t begin = 0; begin < count; begin += block) widen_block(std::min(block, count - begin), x + begin, y + begin);
}

}  // namespace luthier::kernels
