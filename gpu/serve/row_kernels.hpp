// The arithmetic of serving, on a few rows at a time. Every function computes each output value with one fixed order of
// operations that depends on neither the number of rows nor on who else is in the batch, so that a request's numbers are
// bit for bit the same alone, in a batch of others, in any prefill chunk, and on any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/serve/panels.hpp"

namespace luthier::serve {

// Lines of memory that somebody needs next: they are fetched while a product is computed, as evenly as its length allows.
struct Lines {
  const char* begin = nullptr;
  std::int64_t count = 0;  // of 64 bytes, one after the other; not 0
};
struct Fetch {
  const Lines* lines = nullptr;
  std::int64_t count = 0;  // of all lines together
};

struct RowKernels {
  const char* name;  // "avx512", "avx2", "portable"

  // c[m][j] = beta * c[m][j] + scale * sum over i of a[m][i] * b[i][j], for j < width (16 or 32) and beta 0 or 1. The sum
  // runs over i in order, one fused multiply-add each. c has room for whole widths.
  void (*multiply)(const float* a, std::ptrdiff_t a_stride, std::int64_t rows, const float* b, std::ptrdiff_t b_stride,
                   std::int64_t depth, int width, float scale, bool accumulate, float* c, std::ptrdiff_t c_stride);

  // The same with `panels` panels of weights in any storage, from `panel` on, each 32 wide and with scale 1: each value is widened
  // to f32 as it is read, so that the result is to the bit that of f32 weights of the same values. Of int8 weights the sum runs over
  // the integers, and the row's scale comes last.
  void (*multiply_weights)(const float* a, std::ptrdiff_t a_stride, std::int64_t rows, const WeightMatrix& weights, std::int64_t panel,
                           std::int64_t panels, bool accumulate, float* c, std::ptrdiff_t c_stride, const Fetch& fetch);

  // c[m][j] = sum over i of a[m][i] * b[j][i], for every output j of b. Lane l of 16 sums over i = l, l + 16 … in order; the lanes are
  // added last, always in the same way. a is readable up to a multiple of 16, with zeros there.
  void (*dots)(const float* a, std::ptrdiff_t a_stride, std::int64_t rows, const DotMatrix& b, float* c, std::ptrdiff_t c_stride);

  // To the nearest, ties to the even one.
  void (*narrow_to_f16)(const float* from, std::uint16_t* to, std::int64_t n);

  // out = x / sqrt(mean(x^2) + epsilon) * weight. All three are readable up to a multiple of 16, with zeros there.
  void (*rmsnorm)(const float* x, const float* weight, std::int64_t width, float epsilon, float* out);

  // out = (x - mean) / sqrt(variance + epsilon) * weight + bias, the same way.
  void (*layernorm)(const float* x, const float* weight, const float* bias, std::int64_t width, float epsilon, float* out);

  // gate = f(gate) * up, or without `up` (nullptr) f(gate); n is a multiple of 16.
  void (*activate)(checkpoint::Activation f, float* gate, const float* up, std::int64_t n);

  // GPT-OSS's: gate at most `limit`, up within it; gate = (up + 1) * gate * sigmoid(alpha * gate).
  void (*clamped_swiglu)(float* gate, const float* up, std::int64_t n, float limit, float alpha);

  // x = cap * tanh(x / cap); n is a multiple of 16.
  void (*softcap)(float* x, std::int64_t n, float cap);

  // scores[first..count) become exp(score - max), those of [0..first) and [count..padded) zero; padded is a multiple of 16.
  // Returns the sum. A sink takes part in max and sum as one more score that is not there; minus infinity: none.
  float (*softmax)(float* scores, std::int64_t first, std::int64_t count, std::int64_t padded, float sink);

  // The index of the largest value, the lowest one of equals; NaN never wins. n > 0.
  std::int64_t (*argmax)(const float* x, std::int64_t n);
};

// The fastest ones that this processor has; "avx2" and "portable" can be asked for by name in tests (nullptr: not here).
const RowKernels& row_kernels();
const RowKernels* row_kernels(const char* name);

}  // namespace luthier::serve
