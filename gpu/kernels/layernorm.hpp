// Layer normalisation (arXiv 1607.06450), as BERT has it: y = weight * (x - mean) / sqrt(variance + epsilon) + bias.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// x, y: [rows, width], contiguous; y may be x. weight, bias: [width]. stats: [rows, 2], mean and 1 / sqrt(variance + epsilon),
// kept for the backward pass; nullptr: not wanted.
void layernorm_forward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* bias, float epsilon,
                       float* y, float* stats);

// dx = beta * dx + d loss / d x, beta 0 or 1; with 0, dx may be dy. With n = (x - mean) * i and g = dy * weight the gradient is
// i * (g - mean(g) - n * mean(g * n)).
void layernorm_backward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* stats,
                        const float* dy, float beta, float* dx);

// dweight += sum over rows of dy * n, dbias += sum of dy, row by row, so that threads do not change them.
void layernorm_backward_weight(std::int64_t rows, std::int64_t width, const float* x, const float* stats, const float* dy,
                               float* dweight, float* dbias);

namespace plain {  // the same contracts

void layernorm_forward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* bias, float epsilon,
                       float* y, float* stats);
void layernorm_backward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* stats,
                        const float* dy, float beta, float* dx);
void layernorm_backward_weight(std::int64_t rows, std::int64_t width, const float* x, const float* stats, const float* dy,
                               float* dweight, float* dbias);

}  // namespace plain
}  // namespace luthier::kernels
