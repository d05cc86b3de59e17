// Operands of a network's products: f32, or bf16 where that was asked for. Internal to gpu/model.
#pragma once

#include <cassert>
#include <cstdint>

#include "gpu/kernels/bfloat16.hpp"
#include "gpu/kernels/gemm_bfloat16.hpp"

namespace luthier::model {

struct Operand {
  const float* wide = nullptr;              // where `narrow` is not
  const kernels::Bfloat16* narrow = nullptr;
  std::int64_t ld = 0;
  float scale = 1;  // that a product still has to apply; what is narrow has it

  Operand from(std::int64_t value) const { return {wide ? wide + value : nullptr, narrow ? narrow + value : nullptr, ld, scale}; }
};

// scale * x, [rows, width]; with `bfloat16` rounded into `room`, which may be x's own memory where nothing needs x any more.
inline Operand operand(bool bfloat16, std::int64_t rows, std::int64_t width, float scale, const float* x, std::int64_t ld, kernels::Bfloat16* room) {
  if (!bfloat16) return {.wide = x, .ld = ld, .scale = scale};
  const std::int64_t room_ld = static_cast<const void*>(room) == x ? 2 * ld : width;
  kernels::narrow(rows, width, scale, x, ld, room, room_ld);
  return {.narrow = room, .ld = room_ld};
}

// c[m, n] = beta * c + op(a) op(b), both of one kind; beta is 0 or 1.
inline void multiply(kernels::Transpose a_op, kernels::Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, const Operand& a,
                     const Operand& b, float beta, float* c, std::int64_t ldc) {
  assert((a.narrow != nullptr) == (b.narrow != nullptr));
  if (a.narrow) return kernels::gemm_bfloat16(a_op, b_op, m, n, k, a.narrow, a.ld, b.narrow, b.ld, beta == 1.0f, c, ldc);
  kernels::gemm(a_op, b_op, m, n, k, a.scale * b.scale, a.wide, a.ld, b.wide, b.ld, beta, c, ldc);
}

}  // namespace luthier::model
