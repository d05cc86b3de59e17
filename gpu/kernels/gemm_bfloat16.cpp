#include "gpu/kernels/gemm_bfloat16.hpp"

#include <algorithm>
#include <vector>

#include "gpu/kernels/matmul.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::kernels {
namespace {

constexpr std::int64_t block_rows = 512, block_terms = 1024;  // of an operand at a time: 2 MiB of f32

// A part [rows, terms] or, where it is turned, [terms, rows] of an operand, as it is stored.
struct Part {
  std::int64_t rows, columns;
};
Part stored_part(bool turned, std::int64_t rows, std::int64_t terms) { return turned ? Part{terms, rows} : Part{rows, terms}; }

void widen_part(const Part& part, const Bfloat16* from, std::int64_t ld, float* to) {
#pragma omp parallel for schedule(static) if (part.rows * part.columns > 16384)
  for (std::int64_t r = 0; r < part.rows; ++r) widen(part.columns, from + r * ld, to + r * part.columns);
}

}  // namespace

bool has_bfloat16_products() {
#if defined(__x86_64__)
  static const bool has = [] {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") != 0;
  }();
  return has;
#else
  return false;
#endif
}

void gemm_bfloat16_widened(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, const Bfloat16* a, std::int64_t lda,
                           const Bfloat16* b, std::int64_t ldb, bool accumulate, float* c, std::int64_t ldc) {
  const bool a_turned = a_op == Transpose::yes, b_turned = b_op == Transpose::yes;
  const auto room = [&](std::int64_t rows) {
    return std::vector<float>(static_cast<std::size_t>(std::min(rows, block_rows) * std::clamp(k, std::int64_t{1}, block_terms)));
  };
  auto left = room(m), right = room(n);
  for (std::int64_t j = 0; j < n; j += block_rows)
    for (std::int64_t p = 0; p < std::max(k, std::int64_t{1}); p += block_terms) {  // once too where there is nothing to sum
      const std::int64_t columns = std::min(block_rows, n - j), terms = std::min(block_terms, k - p);
      const Part of_b = stored_part(!b_turned, columns, terms);
      widen_part(of_b, b + (b_turned ? j * ldb + p : p * ldb + j), ldb, right.data());
      for (std::int64_t i = 0; i < m; i += block_rows) {
        const std::int64_t rows = std::min(block_rows, m - i);
        const Part of_a = stored_part(a_turned, rows, terms);
        widen_part(of_a, a + (a_turned ? p * lda + i : i * lda + p), lda, left.data());
        gemm(a_op, b_op, rows, columns, terms, 1, left.data(), std::max(of_a.columns, std::int64_t{1}), right.data(),
             std::max(of_b.columns, std::int64_t{1}), p > 0 || accumulate ? 1.0f : 0.0f, c + i * ldc + j, ldc);
      }
    }
}

void gemm_bfloat16(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, const Bfloat16* a, std::int64_t lda,
                   const Bfloat16* b, std::int64_t ldb, bool accumulate, float* c, std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (has_bfloat16_products() && k > 0) {
    const Timed timed(std::min({m, n, k}) <= 64 ? "thin product" : "product");
    if (matmul({m, n, k, lda, ldb, ldc, a_op == Transpose::yes, b_op == Transpose::yes, accumulate, true}, a, b, c)) return;
  }
  gemm_bfloat16_widened(a_op, b_op, m, n, k, a, lda, b, ldb, accumulate, c, ldc);
}

}  // namespace luthier::kernels
