// The gated unit of Llama's MLP (arXiv 2002.05202): h = silu(gate) * up, silu(z) = z / (1 + e^-z).
#pragma once

#include <cstdint>

namespace luthier::kernels {

// gate, up: [rows, width] with leading dimension ld (so that both may be halves of one product); h: [rows, width]
// with leading dimension ldh; h may be gate or up when the leading dimensions are equal.
void swiglu_forward(std::int64_t rows, std::int64_t width, const float* gate, const float* up, std::int64_t ld, float* h,
                    std::int64_t ldh);

// dgate = dh * up * s * (1 + gate * (1 - s)) and dup = dh * gate * s with s = 1 / (1 + e^-gate).
// dgate and dup have leading dimension ld and may be gate and up themselves.
void swiglu_backward(std::int64_t rows, std::int64_t width, const float* gate, const float* up, std::int64_t ld,
                     const float* dh, std::int64_t lddh, float* dgate, float* dup);

}  // namespace luthier::kernels
