// ggml's formats of 256 values a block, in eight or sixteen groups that have a scale of their own each. As ggml's documents
// describe them: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>

namespace luthier::checkpoint {

constexpr int k_block_values = 256, q4_k_bytes = 144, q5_k_bytes = 176, q6_k_bytes = 210;

// One block to 256 values.
void widen_q4_k(const std::byte* block, float* out);
void widen_q5_k(const std::byte* block, float* out);
void widen_q6_k(const std::byte* block, float* out);

}  // namespace luthier::checkpoint
