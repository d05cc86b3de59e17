// Root-mean-square normalisation (arXiv 1910.07467): y = (offset + weight) * x / sqrt(mean(x^2) + epsilon).
//
// This file is the contract. rmsnorm_plain.cpp has the loops that define what is correct, rmsnorm.cpp the fast ones,
// rmsnorm_test.cpp judges the second by the first and the first by numbers of PyTorch.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// Each of `heads` vectors of `width` in each of `rows` rows is normalised by itself: vector h of row r lies at
// x + r * ldx + h * width. The hidden states of a network are one vector a row, a layer's queries one for each head.
struct RmsNorm {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  float epsilon = 0;
  float offset = 0;  // Gemma: 1
  std::int64_t heads = 1;
};

// y may be x when ldy is ldx. weight: [width]. inverse_rms: [rows, heads], 1 / sqrt(mean + epsilon), kept for the backward
// pass; nullptr: not wanted.
void rmsnorm_forward(const RmsNorm& norm, const float* x, std::int64_t ldx, const float* weight, float* y, std::int64_t ldy,
                     float* inverse_rms);

// dx = beta * dx + d loss / d x, with i = inverse_rms and g = dy * (offset + weight): i * g - x * i^3 * sum(g * x) / width.
// beta is 1, where the residual's gradient is already there, or 0; then dx may be dy when lddx is lddy.
void rmsnorm_backward(const RmsNorm& norm, const float* x, std::int64_t ldx, const float* weight, const float* inverse_rms,
                      const float* dy, std::int64_t lddy, float beta, float* dx, std::int64_t lddx);

// dweight[width] += sum over rows and heads of dy * x * inverse_rms, one after the other, so that threads do not change it.
void rmsnorm_backward_weight(const RmsNorm& norm, const float* x, std::int64_t ldx, const float* inverse_rms, const float* dy,
                             std::int64_t lddy, float* dweight);

namespace plain {  // the same contracts

void rmsnorm_forward(const RmsNorm& norm, const float* x, std::int64_t ldx, const float* weight, float* y, std::int64_t ldy,
                     float* inverse_rms);
void rmsnorm_backward(const RmsNorm& norm, const float* x, std::int64_t ldx, const float* weight, const float* inverse_rms,
                      const float* dy, std::int64_t lddy, float beta, float* dx, std::int64_t lddx);
void rmsnorm_backward_weight(const RmsNorm& norm, const float* x, std::int64_t ldx, const float* inverse_rms, const float* dy,
                             std::int64_t lddy, float* dweight);

}  // namespace plain
}  // namespace luthier::kernels
