#include "gpu/checkpoint/k_quants.hpp"

#include <cstdint>
#include <cstring>

#include "gpu/checkpoint/half.hpp"

namespace luthier::checkpoint {
namespace {

unsigned byte_at(const std::byte* at) { return std::to_integer<unsigned>(*at); }

float half_at(const std::byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return f32_of_f16(bits);
}

struct Group {
  float scale, minimum;
};

// f16 d, f16 m, then twelve bytes with eight scales and eight minima of six bits: those of the first four groups are the low bits of
// bytes 0 to 7; those of the others have their low halves in bytes 8 to 11 and their high bits on top of bytes 0 to 7.
Group group_of(const std::byte* block, int group) {
  const auto* packed = block + 4;
  const auto low = byte_at(packed + group % 4), high = byte_at(packed + 4 + group % 4), rest = byte_at(packed + 8 + group % 4);
  const auto scale = group < 4 ? low & 63 : (rest & 15) | (low >> 6) << 4;
  const auto minimum = group < 4 ? high & 63 : rest >> 4 | (high >> 6) << 4;
  return {half_at(block) * static_cast<float>(scale), half_at(block + 2) * static_cast<float>(minimum)};
}

}  // namespace

// 128 bytes of two values each: of 32 bytes the low halves are one group, the high halves the next.
void widen_q4_k(const std::byte* block, float* out) {
  for (int group = 0; group < 8; ++group) {
    const auto [scale, minimum] = group_of(block, group);
    const auto* values = block + 16 + group / 2 * 32;
    for (int i = 0; i < 32; ++i) out[group * 32 + i] = scale * static_cast<float>((byte_at(values + i) >> (group % 2 * 4)) & 15) - minimum;
  }
}

// As Q4_K, with the fifth bits of all groups before them: bit g of byte i is that of value i of group g.
void widen_q5_k(const std::byte* block, float* out) {
  for (int group = 0; group < 8; ++group) {
    const auto [scale, minimum] = group_of(block, group);
    const auto* fifth = block + 16;
    const auto* values = block + 48 + group / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      const auto value = ((byte_at(values + i) >> (group % 2 * 4)) & 15) | ((byte_at(fifth + i) >> group) & 1) << 4;
      out[group * 32 + i] = scale * static_cast<float>(value) - minimum;
    }
  }
}

// 128 bytes with the low four bits, 64 with the high two, sixteen signed scales, f16 d. Each half of the block is four runs of 32
// values: the low bits of runs 0 and 2, and of 1 and 3, share bytes; the high bits of all four do.
void widen_q6_k(const std::byte* block, float* out) {
  const float d = half_at(block + 208);
  for (int i = 0; i < k_block_values; ++i) {
    const int half = i / 128, run = i % 128 / 32, at = i % 32;
    const auto low = byte_at(block + half * 64 + run % 2 * 32 + at) >> (run / 2 * 4) & 15;
    const auto high = byte_at(block + 128 + half * 32 + at) >> (run * 2) & 3;
    const auto scale = static_cast<std::int8_t>(byte_at(block + 192 + i / 16));
    out[i] = d * static_cast<float>(scale) * static_cast<float>(static_cast<int>(low | high << 4) - 32);
  }
}

}  // namespace luthier::checkpoint
