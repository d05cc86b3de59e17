#include "gpu/kernels/bfloat16.hpp"

#include <bit>

#include "gpu/kernels/dispatch.hpp"

namespace luthier::kernels {
namespace {

LUTHIER_CLONES void round_block(std::int64_t count, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
    const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
    y[i] = std::bit_cast<float>(is_nan ? bits | 0x400000u : rounded);
  }
}

}  // namespace

void round_to_bfloat16(std::int64_t count, const float* x, float* y) {
  constexpr std::int64_t block = 16384;
#pragma omp parallel for schedule(static) if (count > block)
  for (std::int64_t begin = 0; begin < count; begin += block)
    round_block(count - begin < block ? count - begin : block, x + begin, y + begin);
}

}  // namespace luthier::kernels
