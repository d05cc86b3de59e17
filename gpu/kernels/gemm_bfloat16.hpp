// Matrix products of bfloat16 operands, row-major; every product of two values is exact, and sums are f32.
#pragma once

#include <cstdint>

#include "gpu/kernels/bfloat16.hpp"
#include "gpu/kernels/gemm.hpp"

namespace luthier::kernels {

// c[m, n] = op(a)[m, k] * op(b)[k, n], plus c where `accumulate`: shapes, leading dimensions and what holds of them as gemm() has it.
// Values below f32's smallest normal one may count as 0. The result is the same, bit for bit, for the same shapes, thread count and
// instruction set.
void gemm_bfloat16(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, const Bfloat16* a, std::int64_t lda,
                   const Bfloat16* b, std::int64_t ldb, bool accumulate, float* c, std::int64_t ldc);

// Whether this processor has instructions for it. Without them operands are turned back into f32, block by block: as right, and no
// faster than gemm().
bool has_bfloat16_products();

// That other way, for tests.
void gemm_bfloat16_widened(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, const Bfloat16* a, std::int64_t lda,
                           const Bfloat16* b, std::int64_t ldb, bool accumulate, float* c, std::int64_t ldc);

}  // namespace luthier::kernels
