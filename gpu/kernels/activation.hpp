// What lies between the two matrices of a feed-forward part: h = f(gate) * up (arXiv 2002.05202), or h = f(x) without a gate.
#pragma once

#include <cstdint>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::kernels {

// f by its name: silu z / (1 + e^-z); gelu z * Phi(z) (arXiv 1606.08415); gelu_tanh, its approximation by tanh; relu.
//
// limit > 0 is GPT-OSS's clamped unit: with g = min(gate, limit) and u = up within [-limit, limit], h = (u + 1) * g *
// sigmoid(alpha * g). A clamped value passes no gradient.
struct Activation {
  checkpoint::Activation kind = checkpoint::Activation::silu;
  bool gated = true;
  bool interleaved = false;  // gate and up take turns in the columns; else all of gate stand before all of up
  float limit = 0, alpha = 0;

  std::int64_t columns(std::int64_t width) const { return gated ? 2 * width : width; }
};

// x: [rows, columns(width)]; h: [rows, width]. They may not overlap.
void activation_forward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, float* h);

// dx: [rows, columns(width)], overwritten; it may be x.
void activation_backward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, const float* dh, float* dx);

namespace plain {  // the same contracts

void activation_forward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, float* h);
void activation_backward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, const float* dh, float* dx);

}  // namespace plain
}  // namespace luthier::kernels
