// Rotary position embedding (arXiv 2104.09864) in Hugging Face's "rotate half" layout: element j of the first half
// of what is rotated turns with element j of its second half. Some families rotate the first part of each head alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::kernels {

// The angles per position and the factor on cosine and sine of one sequence.
struct RopeFrequencies {
  std::vector<float> inverse;  // [rotary_dim / 2]
  float attention_scale = 1.0f;
};

// All scalings of checkpoint::Rope, in the float arithmetic that transformers uses. Dynamic and longrope depend on
// `sequence_length`, the length of this one sequence, as if it were alone.
RopeFrequencies rope_frequencies(const checkpoint::Rope& rope, std::int64_t rotary_dim, std::int64_t max_position_embeddings,
                                 std::int64_t sequence_length);

// cosine, sine: [positions.size(), rotary_dim / 2] of the given positions.
void rope_table(const RopeFrequencies& frequencies, std::span<const std::int32_t> positions, float* cosine, float* sine);

// Turns the first `rotary_dim` elements of `heads` heads of every row in place; x: row r, head h at x + r * ldx + h * head_dim;
// tables as above, [rows, rotary_dim / 2].
void rope_forward(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t rotary_dim, const float* cosine,
                  const float* sine, float* x, std::int64_t ldx);

// The gradient turns back: the transpose of the rotation, with the same attention_scale.
void rope_backward(std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t rotary_dim, const float* cosine,
                   const float* sine, float* dx, std::int64_t lddx);

}  // namespace luthier::kernels
