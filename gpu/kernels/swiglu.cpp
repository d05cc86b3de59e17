#include "gpu/kernels/swiglu.hpp"

#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

LUTHIER_INLINE F16 sigmoid(const F16& z) { return 1.0f / (1.0f + simd::exp(-z)); }

LUTHIER_CLONES void forward_row(std::int64_t width, const float* gate, const float* up, float* h) {
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) {
    const F16 z = load<F16>(gate + i);
    store(h + i, z * sigmoid(z) * load<F16>(up + i));
  }
  if (i < width) {
    const F16 z = load_part(gate + i, width - i);
    store_part(h + i, z * sigmoid(z) * load_part(up + i, width - i), width - i);
  }
}

LUTHIER_CLONES void backward_row(std::int64_t width, const float* gate, const float* up, const float* dh, float* dgate,
                                 float* dup) {
  for (std::int64_t i = 0; i < width; i += 16) {
    const std::int64_t count = width - i < 16 ? width - i : 16;
    const bool whole = count == 16;
    const F16 z = whole ? load<F16>(gate + i) : load_part(gate + i, count);
    const F16 u = whole ? load<F16>(up + i) : load_part(up + i, count);
    const F16 d = whole ? load<F16>(dh + i) : load_part(dh + i, count);
    const F16 s = sigmoid(z);
    const F16 to_gate = d * u * s * (1.0f + z * (1.0f - s));
    const F16 to_up = d * z * s;
    if (whole) {
      store(dgate + i, to_gate);
      store(dup + i, to_up);
    } else {
      store_part(dgate + i, to_gate, count);
      store_part(dup + i, to_up, count);
    }
  }
}

}  // namespace

void swiglu_forward(std::int64_t rows, std::int64_t width, const float* gate, const float* up, std::int64_t ld, float* h,
                    std::int64_t ldh) {
#pragma omp parallel for schedule(static) if (rows > 4)
  for (std::int64_t r = 0; r < rows; ++r) forward_row(width, gate + r * ld, up + r * ld, h + r * ldh);
}

void swiglu_backward(std::int64_t rows, std::int64_t width, const float* gate, const float* up, std::int64_t ld,
                     const float* dh, std::int64_t lddh, float* dgate, float* dup) {
#pragma omp parallel for schedule(static) if (rows > 4)
  for (std::int64_t r = 0; r < rows; ++r)
    backward_row(width, gate + r * ld, up + r * ld, dh + r * lddh, dgate + r * ld, dup + r * ld);
}

}  // namespace luthier::kernels
