// ggml's formats of 256 values a block, in eight or sixteen groups that have a scale of their own each. As ggml's documents
// describe them: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// Inline, so that who turns many blocks back may compile them for the processor's widest vectors. All widths give the same bits: a
// product of scales and code has no more than 24 bits, so that it is exact, and joined with the sum or not makes no difference.
#pragma once

#include <cstdint>

#include "gpu/checkpoint/small_quants.hpp"

namespace luthier::checkpoint {

constexpr int k_block_values = 256, q4_k_bytes = 144, q5_k_bytes = 176, q6_k_bytes = 210;

// f16 d, f16 m, then twelve bytes with eight scales and eight minima of six bits: those of the first four groups are the low bits of
// bytes 0 to 7; those of the others have their low halves in bytes 8 to 11 and their high bits on top of bytes 0 to 7.
struct KGroup {
  float scale, minimum;
};
inline KGroup k_group(const std::byte* block, int group) {
  const auto at = [&](int i) { return std::to_integer<unsigned>(block[4 + i]); };
  const auto low = at(group % 4), high = at(4 + group % 4), rest = at(8 + group % 4);
  const auto scale = group < 4 ? low & 63 : (rest & 15) | (low >> 6) << 4;
  const auto minimum = group < 4 ? high & 63 : rest >> 4 | (high >> 6) << 4;
  return {f16_at(block) * static_cast<float>(scale), f16_at(block + 2) * static_cast<float>(minimum)};
}

// 128 bytes of two values each: of 32 bytes the low halves are one group, the high halves the next.
inline void widen_q4_k(const std::byte* block, float* out) {
  for (int group = 0; group < 8; ++group) {
    const auto [scale, minimum] = k_group(block, group);
    const auto bytes = bytes_at<32>(block + 16 + group / 2 * 32);
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) out[group * 32 + i] = scale * static_cast<float>(bytes[i] >> shift & 15) - minimum;
  }
}

// As Q4_K, with the fifth bits of all groups before them: bit g of byte i is that of value i of group g.
inline void widen_q5_k(const std::byte* block, float* out) {
  const auto fifth = bytes_at<32>(block + 16);
  for (int group = 0; group < 8; ++group) {
    const auto [scale, minimum] = k_group(block, group);
    const auto bytes = bytes_at<32>(block + 48 + group / 2 * 32);
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i)
      out[group * 32 + i] = scale * static_cast<float>((bytes[i] >> shift & 15) | (fifth[i] >> group & 1) << 4) - minimum;
  }
}

// 128 bytes with the low four bits, 64 with the high two, sixteen signed scales, f16 d. Each half of the block is four runs of 32
// values: the low bits of runs 0 and 2, and of 1 and 3, share bytes; the high bits of all four do.
inline void widen_q6_k(const std::byte* block, float* out) {
  const float d = f16_at(block + 208);
  const auto scales = bytes_at<16>(block + 192);
  for (int part = 0; part < 16; ++part) {
    const int half = part / 8, run = part % 8 / 2, at = part % 2 * 16;
    const auto low = bytes_at<16>(block + half * 64 + run % 2 * 32 + at), high = bytes_at<16>(block + 128 + half * 32 + at);
    const float scale = d * static_cast<float>(static_cast<std::int8_t>(scales[part]));
    for (int i = 0; i < 16; ++i)
      out[part * 16 + i] = scale * static_cast<float>(((low[i] >> run / 2 * 4 & 15) | (high[i] >> run * 2 & 3) << 4) - 32);
  }
}

}  // namespace luthier::checkpoint
