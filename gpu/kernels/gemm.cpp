#include "gpu/kernels/gemm.hpp"

#include <dnnl.h>

#include <cassert>

#include "gpu/kernels/small_gemm.hpp"

namespace luthier::kernels {

void gemm(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (a_op == Transpose::no && b_op == Transpose::yes && m <= few_rows_max)
    return few_rows_linear(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  const auto status = dnnl_sgemm(a_op == Transpose::yes ? 'T' : 'N', b_op == Transpose::yes ? 'T' : 'N', m, n, k, alpha, a, lda,
                                 b, ldb, beta, c, ldc);
  assert(status == dnnl_success);
  (void)status;
}

}  // namespace luthier::kernels
