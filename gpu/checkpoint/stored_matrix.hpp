// A frozen matrix in fewer bits than f32, and what its values are: the definition that fast versions are judged by.
//
//   bf16   the value rounded to the nearest, ties to the even one
//   int8   blocks of 64 values with one f32 scale, the largest magnitude / 127: value = scale * code, code in -127 … 127
//   nf4    blocks of 64 values with one f32 scale, the largest magnitude: value = scale * level of the code, the nearest of the 16
//          levels of arXiv 2305.14314; a byte has the earlier value in its high half
//   mxfp4  as GPT-OSS publishes its experts, see mxfp4.hpp: blocks of 32, a byte has the earlier value in its low half. Read only.
//   f16    the value rounded to the nearest, ties to the even one
//   q4_0 … blocks of 32 or 256 values, as GGUF files have them with their scales among the codes: small_quants.hpp, k_quants.hpp. Read only.
//
// Blocks follow the values in memory, over the ends of rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

struct StoredMatrix {
  StoredKind kind = StoredKind::f32;  // f32: not stored here, but as plain floats
  std::int64_t first = 0;             // its first value in what `codes` holds: one of many matrices in one tensor
  std::byte* codes = nullptr;
  std::byte* scales = nullptr;        // f32, or a byte a block of mxfp4; nullptr: none

  explicit operator bool() const { return kind != StoredKind::f32; }
  StoredMatrix from(std::int64_t value) const { return {kind, first + value, codes, scales}; }
};

// The paper's appendix E: quantiles of a normal distribution, with an exact zero.
inline constexpr std::array<float, 16> nf4_levels{
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
    -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

std::int64_t block_values(StoredKind kind);     // 1: a code needs no others
bool is_copied(StoredKind kind);                // its codes are a file's own, and never made by encode()
std::size_t bytes_of_codes(StoredKind kind, std::size_t values);
std::size_t bytes_of_scales(StoredKind kind, std::size_t values);

// Both start where the matrix's first block does. Not of f32, nor of what is copied.
void encode(StoredKind kind, std::span<const float> values, std::byte* codes, std::byte* scales);

// out[i] = the value of number first + i.
void decode_plain(const StoredMatrix& matrix, std::int64_t first, std::span<float> out);

// What a frozen base is kept as: every matrix (as_stored: each as it lies in the checkpoint) but for small ones that
// count much. Norms, biases, sinks, routers and an encoder's tables of positions and types are always f32; with nf4 the embedding and
// the head are bf16, as in QLoRA.
enum class BaseStorage { f32, bf16, int8, nf4, as_stored };
inline constexpr std::array<std::string_view, 5> base_storage_names{"f32", "bf16", "int8", "nf4", "as_stored"};
std::optional<BaseStorage> base_storage_of(std::string_view name);
std::string to_string(BaseStorage storage);

StoredKind stored_kind(const Decoder& decoder, BaseStorage storage, const std::string& name, const std::vector<std::int64_t>& shape);

}  // namespace luthier::checkpoint
