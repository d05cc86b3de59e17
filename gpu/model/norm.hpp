// A normalisation of any kind, tied to its weights.
#pragma once

#include <cstdint>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::model {

struct Norm {
  checkpoint::NormKind kind = checkpoint::NormKind::rms;
  float epsilon = 0;
  std::int64_t width = 0;
  const float *weight = nullptr, *bias = nullptr;           // [width]; weight nullptr: there is no norm
  float *gradient = nullptr, *bias_gradient = nullptr;      // added to; nullptr: frozen

  explicit operator bool() const { return weight != nullptr; }
};

// How many floats of each row its backward pass needs from the forward pass.
std::int64_t norm_stats(checkpoint::NormKind kind);

// x, y: [rows, width], y may be x; stats: [rows, norm_stats], nullptr: not wanted.
void norm_forward(const Norm& norm, std::int64_t rows, const float* x, float* y, float* stats);

// dx = beta * dx + the gradient, beta 0 or 1; with 0 it may be dy; nullptr: not wanted. Adds to the weights' gradients.
void norm_backward(const Norm& norm, std::int64_t rows, const float* x, const float* stats, const float* dy, float beta, float* dx);

// Each of `heads` vectors of norm.width in a row by itself, in place; row r is at x + r * ldx. Not for NormKind::layer.
void norm_heads_forward(const Norm& norm, std::int64_t rows, std::int64_t heads, float* x, std::int64_t ldx, float* stats);

// dy, with leading dimension lddy, becomes dx. x: what was normalised.
void norm_heads_backward(const Norm& norm, std::int64_t rows, std::int64_t heads, const float* x, std::int64_t ldx,
                         const float* stats, float* dy, std::int64_t lddy);

}  // namespace luthier::model
