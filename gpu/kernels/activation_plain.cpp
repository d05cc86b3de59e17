// What the activations mean, in double and without a trick.
#include <algorithm>
#include <cmath>

#include "gpu/kernels/activation.hpp"

namespace luthier::kernels::plain {
namespace {

using Kind = checkpoint::Activation;

struct Point {
  double value, slope;
};

double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

Point at(Kind kind, double z) {
  switch (kind) {
    case Kind::silu: return {z * sigmoid(z), sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z)))};
    case Kind::gelu: {
      const double below = 0.5 * (1.0 + std::erf(z / std::sqrt(2.0)));
      return {z * below, below + z * std::exp(-0.5 * z * z) / std::sqrt(2.0 * M_PI)};
    }
    case Kind::gelu_tanh: {
      const double root = std::sqrt(2.0 / M_PI), t = std::tanh(root * (z + 0.044715 * z * z * z));
      return {0.5 * z * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * root * (1.0 + 3.0 * 0.044715 * z * z)};
    }
    case Kind::relu: return {std::max(z, 0.0), z > 0.0 ? 1.0 : 0.0};
  }
  return {};
}

// h and its slopes along gate and up.
struct Slopes {
  double h, gate, up;
};

Slopes slopes_at(const Activation& unit, double gate, double up) {
  if (!unit.gated) return {at(unit.kind, gate).value, at(unit.kind, gate).slope, 0};
  if (unit.limit == 0.0f) {
    const Point f = at(unit.kind, gate);
    return {f.value * up, f.slope * up, f.value};
  }
  const double limit = double(unit.limit), alpha = double(unit.alpha);
  const double g = std::min(gate, limit), u = std::clamp(up, -limit, limit), s = sigmoid(alpha * g);
  return {(u + 1) * g * s, gate <= limit ? (u + 1) * s * (1 + alpha * g * (1 - s)) : 0.0, std::abs(up) <= limit ? g * s : 0.0};
}

struct Places {
  std::int64_t gate, up;
};

Places places(const Activation& unit, std::int64_t row, std::int64_t width, std::int64_t i) {
  const std::int64_t first = row * unit.columns(width);
  if (unit.gated && unit.interleaved) return {first + 2 * i, first + 2 * i + 1};
  return {first + i, first + (unit.gated ? width : 0) + i};
}

}  // namespace

void activation_forward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, float* h) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < width; ++i) {
      const auto [gate, up] = places(unit, r, width, i);
      h[r * width + i] = float(slopes_at(unit, double(x[gate]), double(x[up])).h);
    }
}

void activation_backward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, const float* dh, float* dx) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < width; ++i) {
      const auto [gate, up] = places(unit, r, width, i);
      const Slopes s = slopes_at(unit, double(x[gate]), double(x[up]));
      if (unit.gated) dx[up] = float(double(dh[r * width + i]) * s.up);
      dx[gate] = float(double(dh[r * width + i]) * s.gate);
    }
}

}  // namespace luthier::kernels::plain
