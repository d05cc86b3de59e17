// Products too small, or too narrow, for oneDNN to be worth its call: blocks of attention scores, and linear layers over
// a few rows, as decoding has them. Internal to the kernels; gemm() chooses.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// c[m, n] = a[m, k] * b[k, n], plus c when `accumulate`, on the calling thread alone. Element (i, p) of a is at
// a + i * a_row + p * a_column, so a transposed operand costs nothing. b and c are row-major.
void small_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_column,
                const float* b, std::int64_t ldb, float* c, std::int64_t ldc, bool accumulate);

// y[m, n] = alpha * x[m, k] w[n, k]^T + beta * y. Threads share out the rows of w, which are read once for up to
// `few_rows_max` rows of x: the speed is the memory's.
inline constexpr std::int64_t few_rows_max = 16;
void few_rows_linear(std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* x, std::int64_t ldx,
                     const float* w, std::int64_t ldw, float beta, float* y, std::int64_t ldy);

}  // namespace luthier::kernels
