// Root-mean-square normalisation (arXiv 1910.07467), as Llama has it: y = weight * x / sqrt(mean(x^2) + epsilon).
#pragma once

#include <cstdint>

namespace luthier::kernels {

// x, y: [rows, width], contiguous; y may be x. weight: [width]. inverse_rms: [rows], 1 / sqrt(mean + epsilon), kept for the
// backward pass; nullptr: not wanted.
void rmsnorm_forward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, float epsilon, float* y,
                     float* inverse_rms);

// dx += d loss / d x, with i = inverse_rms and g = dy * weight: dx += i * g - x * i^3 * sum(g * x) / width.
// dx is added to, because the residual's gradient is already there; dx may not be dy.
void rmsnorm_backward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* inverse_rms,
                      const float* dy, float* dx);

// dweight[width] += sum over rows of dy * x * inverse_rms, added row by row, so that threads do not change it.
void rmsnorm_backward_weight(std::int64_t rows, std::int64_t width, const float* x, const float* inverse_rms,
                             const float* dy, float* dweight);

}  // namespace luthier::kernels
