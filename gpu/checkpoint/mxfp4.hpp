// MXFP4 as GPT-OSS publishes its experts: 32 values of four bits each share one scale. Specification of the values:
// OCP Microscaling Formats (MX) 1.0, FP4 E2M1 with an E8M0 scale.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// FP4 E2M1: a sign, two bits of exponent, one of mantissa.
inline constexpr std::array<float, 16> fp4_values{0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                                  -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

// 2^(s - 127), which of s 0 is no normal number.
inline float mxfp4_scale(unsigned s) { return std::bit_cast<float>(s == 0 ? 0x00400000u : s << 23); }

// A parameter [experts, in, out] is stored transposed: blocks [experts, out, in / 32, 16], scales [experts, out, in / 32].
struct Mxfp4Shapes {
  std::vector<std::int64_t> blocks, scales;
};
Result<Mxfp4Shapes> mxfp4_shapes(const std::vector<std::int64_t>& parameter);

// A byte has the value of the lower number in its low half. A scale s means 2^(s - 127).
void widen_mxfp4(std::span<const std::byte> blocks, std::span<const std::byte> scales, const std::vector<std::int64_t>& parameter,
                 std::span<float> out);

}  // namespace luthier::checkpoint
