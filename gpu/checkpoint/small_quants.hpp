// ggml's formats of 32 values a block: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Inline for the reason that
// k_quants.hpp has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "gpu/checkpoint/half.hpp"
#include "gpu/checkpoint/mxfp4.hpp"

namespace luthier::checkpoint {

constexpr int small_block_values = 32, q4_0_bytes = 18, q4_1_bytes = 20, q5_0_bytes = 22, q5_1_bytes = 24, q8_0_bytes = 34,
              mxfp4_bytes = 17;

inline float f16_at(const std::byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return f32_of_f16(bits);
}

// A copy, which the compiler knows that no float written since has changed.
template <std::size_t count>
std::array<std::uint8_t, count> bytes_at(const std::byte* at) {
  std::array<std::uint8_t, count> bytes;
  std::memcpy(bytes.data(), at, count);
  return bytes;
}

// f16 d, 16 bytes: value = d * (nibble - 8); the low nibbles are the first 16 values.
inline void widen_q4_0(const std::byte* block, float* out) {
  const float d = f16_at(block);
  const auto pairs = bytes_at<16>(block + 2);
  for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>((pairs[i] & 15) - 8);
  for (int i = 0; i < 16; ++i) out[16 + i] = d * static_cast<float>((pairs[i] >> 4) - 8);
}

// f16 d, f16 m, 16 bytes: value = d * nibble + m.
inline void widen_q4_1(const std::byte* block, float* out) {
  const float d = f16_at(block), m = f16_at(block + 2);
  const auto pairs = bytes_at<16>(block + 4);
  for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>(pairs[i] & 15) + m;
  for (int i = 0; i < 16; ++i) out[16 + i] = d * static_cast<float>(pairs[i] >> 4) + m;
}

// Of four bytes before the nibbles, bit i is the fifth bit of value i.
inline std::uint32_t fifth_bits(const std::byte* at) {
  std::uint32_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return bits;
}

// value = d * (number of five bits - 16).
inline void widen_q5_0(const std::byte* block, float* out) {
  const float d = f16_at(block);
  const auto fifth = fifth_bits(block + 2);
  const auto pairs = bytes_at<16>(block + 6);
  for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>(static_cast<int>((pairs[i] & 15u) | (fifth >> i & 1) << 4) - 16);
  for (int i = 0; i < 16; ++i) out[16 + i] = d * static_cast<float>(static_cast<int>(pairs[i] >> 4 | (fifth >> (16 + i) & 1) << 4) - 16);
}

// value = d * number + m.
inline void widen_q5_1(const std::byte* block, float* out) {
  const float d = f16_at(block), m = f16_at(block + 2);
  const auto fifth = fifth_bits(block + 4);
  const auto pairs = bytes_at<16>(block + 8);
  for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>(static_cast<int>((pairs[i] & 15u) | (fifth >> i & 1) << 4)) + m;
  for (int i = 0; i < 16; ++i) out[16 + i] = d * static_cast<float>(static_cast<int>(pairs[i] >> 4 | (fifth >> (16 + i) & 1) << 4)) + m;
}

// f16 d, 32 signed bytes: value = d * byte.
inline void widen_q8_0(const std::byte* block, float* out) {
  const float d = f16_at(block);
  const auto bytes = bytes_at<32>(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<std::int8_t>(bytes[i]));
}

// A byte s and 16 bytes of nibbles in the order of Q4_0: the values of mxfp4.hpp, each block behind its own scale.
inline void widen_ggml_mxfp4(const std::byte* block, float* out) {
  const float scale = mxfp4_scale(std::to_integer<unsigned>(block[0]));
  for (int i = 0; i < 16; ++i) {
    const auto pair = std::to_integer<unsigned>(block[1 + i]);
    out[i] = scale * fp4_values[pair & 15];
    out[16 + i] = scale * fp4_values[pair >> 4];
  }
}

}  // namespace luthier::checkpoint
