// The 16-bit floating point formats: IEEE 754 binary16 ("f16") and the upper half of a binary32 ("bf16").
#pragma once

#include <bit>
#include <cstdint>

namespace luthier::checkpoint {

inline float f32_of_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

// To the nearest, ties to the even one, as every framework rounds; NaN stays NaN.
inline std::uint16_t bf16_of_f32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

// Likewise: to the nearest, ties to the even one. What is too large becomes infinite.
inline std::uint16_t f16_of_f32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);
  // Beside one half, floats lie as far apart as f16's subnormal numbers do, so that the addition rounds.
  if (magnitude < 0x38800000u)
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u));
  return static_cast<std::uint16_t>(sign | (magnitude - (112u << 23) + 0xFFFu + (magnitude >> 13 & 1)) >> 13);
}

// Exact for every value. A subnormal is built as a normal number less its hidden one, so that the result does not
// depend on a thread's flush-to-zero mode.
inline float f32_of_f16(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits & 0x7C00u;
  const std::uint32_t shifted = (bits & 0x7FFFu) << 13;
  const std::uint32_t normal = shifted + (112u << 23);
  const std::uint32_t special = shifted + (224u << 23);  // infinity and NaN
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(shifted + (113u << 23)) - std::bit_cast<float>(113u << 23));
  return std::bit_cast<float>(sign | (exponent == 0 ? subnormal : exponent == 0x7C00u ? special : normal));
}

}  // namespace luthier::checkpoint
