// oneDNN's matrix products, made once a shape and kept. Internal to the kernels: gemm() and gemm_bfloat16() choose.
#pragma once

#include <cstdint>

namespace luthier::kernels {

struct MatmulShape {
  std::int64_t m = 0, n = 0, k = 0, lda = 0, ldb = 0, ldc = 0;
  bool a_turned = false, b_turned = false;
  bool accumulate = false;  // c += a b
  bool bfloat16 = false;    // a and b are; sums and c are f32
  auto operator<=>(const MatmulShape&) const = default;
};

// False when oneDNN cannot make such a product: out of memory, or a shape that it does not know.
bool matmul(const MatmulShape& shape, const void* a, const void* b, float* c);

}  // namespace luthier::kernels
