// Grouped-query attention over packed sequences, in blocks (arXiv 2205.14135): no matrix of all scores is kept.
//
// Rows of all sequences lie one after the other; sequence s has the rows [starts[s], starts[s + 1]) and sees only itself.
// q, out and their gradients: [rows, heads * head_dim], k, v: [rows, kv_heads * head_dim], each with its leading dimension.
// Head h reads the keys and values of head h / (heads / kv_heads).
//
// This file is the contract; attention_plain.cpp has the loops that define what is correct.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace luthier::kernels {

struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  float scale = 0;          // of the scores before the softmax, usually 1 / sqrt(head_dim)
  std::int64_t window = 0;  // how many rows a row sees, itself and those before it; 0: all before it
  float softcap = 0;        // scores become softcap * tanh(score / softcap), before what is not seen is left out; 0: none
  bool all = false;         // every row sees its whole sequence, whatever the window
};

inline constexpr std::int64_t attention_head_dim_max = 512;

// log_sum_exp: [heads, rows], kept for the backward pass; nullptr: not wanted. out may be q. sinks: [heads], a score that joins
// each head's denominator and nothing else; nullptr: none.
void attention_forward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                       const float* k, const float* v, std::int64_t ldkv, const float* sinks, float* out, std::int64_t ldout,
                       float* log_sum_exp);

// How many floats attention_backward needs as scratch.
std::size_t attention_backward_scratch(const AttentionShape& shape, std::int64_t rows);

// dq, dk and dv are overwritten; dsinks [heads] is added to, nullptr: not wanted. Every sum has a fixed order, so threads do
// not change the result.
void attention_backward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                        const float* k, const float* v, std::int64_t ldkv, const float* sinks, const float* out,
                        const float* dout, std::int64_t ldout, const float* log_sum_exp, float* dq, std::int64_t lddq, float* dk,
                        float* dv, std::int64_t lddkv, float* dsinks, float* scratch);

namespace plain {  // the same contracts, without scratch

void attention_forward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                       const float* k, const float* v, std::int64_t ldkv, const float* sinks, float* out, std::int64_t ldout,
                       float* log_sum_exp);
void attention_backward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                        const float* k, const float* v, std::int64_t ldkv, const float* sinks, const float* dout,
                        std::int64_t ldout, float* dq, std::int64_t lddq, float* dk, float* dv, std::int64_t lddkv, float* dsinks);

}  // namespace plain
}  // namespace luthier::kernels
