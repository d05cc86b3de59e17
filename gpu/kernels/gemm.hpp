// Matrix products, row-major. oneDNN's calls are in gemm.cpp and matmul.cpp and nowhere else.
#pragma once

#include <cstdint>

namespace luthier::kernels {

enum class Transpose : bool { no = false, yes = true };

// c[m, n] = alpha * op(a)[m, k] * op(b)[k, n] + beta * c
//
// op(a) is a as stored, [m, k] with leading dimension lda, or with Transpose::yes the transpose of the stored [k, m].
// The same for b: a linear layer y = x W^T with W stored [out, in] is gemm(no, yes, rows, out, in, 1, x, in, w, in, 0, y,
// out). c must not overlap a or b. With beta 0 what c held before is not read. Any of m, n, k may be 0.
// The result is the same, bit for bit, for the same shapes, thread count and instruction set.
void gemm(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);

// y[rows, out] = x[rows, in] W^T + beta * y, with W stored [out, in]: the common case by name.
inline void linear(std::int64_t rows, std::int64_t in, std::int64_t out, const float* x, std::int64_t ldx, const float* w,
                   float beta, float* y, std::int64_t ldy) {
  gemm(Transpose::no, Transpose::yes, rows, out, in, 1.0f, x, ldx, w, in, beta, y, ldy);
}

}  // namespace luthier::kernels
