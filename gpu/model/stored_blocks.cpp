#include "gpu/model/stored_blocks.hpp"

#include <cstring>

#include "gpu/checkpoint/half.hpp"
#include "gpu/checkpoint/k_quants.hpp"
#include "gpu/kernels/dispatch.hpp"

namespace luthier::model {
namespace {

using checkpoint::StoredKind;

// One for each format, because a template would not be cloned.
LUTHIER_CLONES void widen_q4_0_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q4_0(in + b * checkpoint::q4_0_bytes, out + b * checkpoint::small_block_values);
}

LUTHIER_CLONES void widen_q4_1_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q4_1(in + b * checkpoint::q4_1_bytes, out + b * checkpoint::small_block_values);
}

LUTHIER_CLONES void widen_q5_0_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q5_0(in + b * checkpoint::q5_0_bytes, out + b * checkpoint::small_block_values);
}

LUTHIER_CLONES void widen_q5_1_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q5_1(in + b * checkpoint::q5_1_bytes, out + b * checkpoint::small_block_values);
}

LUTHIER_CLONES void widen_q8_0_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q8_0(in + b * checkpoint::q8_0_bytes, out + b * checkpoint::small_block_values);
}

LUTHIER_CLONES void widen_q4_k_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q4_k(in + b * checkpoint::q4_k_bytes, out + b * checkpoint::k_block_values);
}

LUTHIER_CLONES void widen_q5_k_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q5_k(in + b * checkpoint::q5_k_bytes, out + b * checkpoint::k_block_values);
}

LUTHIER_CLONES void widen_q6_k_blocks(std::int64_t blocks, const std::byte* in, float* out) {
  for (std::int64_t b = 0; b < blocks; ++b) checkpoint::widen_q6_k(in + b * checkpoint::q6_k_bytes, out + b * checkpoint::k_block_values);
}

}  // namespace

LUTHIER_CLONES void widen_f16(std::int64_t count, const std::byte* codes, float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, codes + 2 * i, sizeof bits);
    out[i] = checkpoint::f32_of_f16(bits);
  }
}

void widen_ggml(StoredKind kind, const std::byte* codes, std::int64_t block, std::int64_t blocks, float* out) {
  switch (kind) {
    case StoredKind::q4_0: return widen_q4_0_blocks(blocks, codes + block * checkpoint::q4_0_bytes, out);
    case StoredKind::q4_1: return widen_q4_1_blocks(blocks, codes + block * checkpoint::q4_1_bytes, out);
    case StoredKind::q5_0: return widen_q5_0_blocks(blocks, codes + block * checkpoint::q5_0_bytes, out);
    case StoredKind::q5_1: return widen_q5_1_blocks(blocks, codes + block * checkpoint::q5_1_bytes, out);
    case StoredKind::q8_0: return widen_q8_0_blocks(blocks, codes + block * checkpoint::q8_0_bytes, out);
    case StoredKind::q4_k: return widen_q4_k_blocks(blocks, codes + block * checkpoint::q4_k_bytes, out);
    case StoredKind::q5_k: return widen_q5_k_blocks(blocks, codes + block * checkpoint::q5_k_bytes, out);
    case StoredKind::q6_k: return widen_q6_k_blocks(blocks, codes + block * checkpoint::q6_k_bytes, out);
    case StoredKind::f32: case StoredKind::bf16: case StoredKind::int8: case StoredKind::nf4: case StoredKind::mxfp4:
    case StoredKind::f16: break;
  }
}

}  // namespace luthier::model
