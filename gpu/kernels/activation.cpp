#include "gpu/kernels/activation.hpp"

#include <algorithm>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

LUTHIER_INLINE F16 sigmoid(const F16& z) { return 1.0f / (1.0f + simd::exp(-z)); }

struct Silu {
  static LUTHIER_INLINE F16 value(const F16& z) { return z * sigmoid(z); }
  static LUTHIER_INLINE F16 slope(const F16& z) {
    const F16 s = sigmoid(z);
    return s * (1.0f + z * (1.0f - s));
  }
};

struct Gelu {
  // The normal distribution function by Abramowitz and Stegun 7.1.26, which is off by 1e-7 at most; `bell` = e^(-z^2 / 2) is
  // what the density needs too.
  static LUTHIER_INLINE F16 below(const F16& z, const F16& bell) {
    const F16 size = max(z, -z) * 0.70710678118654752f;
    const F16 t = 1.0f / (1.0f + 0.3275911f * size);
    F16 p = splat(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const F16 tail = 0.5f * (p * t) * bell;
    return z < 0.0f ? tail : 1.0f - tail;
  }
  static LUTHIER_INLINE F16 value(const F16& z) { return z * below(z, simd::exp(-0.5f * z * z)); }
  static LUTHIER_INLINE F16 slope(const F16& z) {
    const F16 bell = simd::exp(-0.5f * z * z);
    return below(z, bell) + z * bell * 0.39894228040143268f;
  }
};

// (1 + tanh(u)) / 2 is sigmoid(2 u).
struct GeluTanh {
  static constexpr float root = 1.5957691216057308f;  // 2 sqrt(2 / pi)
  static LUTHIER_INLINE F16 value(const F16& z) { return z * sigmoid(root * (z + 0.044715f * z * z * z)); }
  static LUTHIER_INLINE F16 slope(const F16& z) {
    const F16 s = sigmoid(root * (z + 0.044715f * z * z * z));
    return s + z * s * (1.0f - s) * (root * (1.0f + 0.134145f * z * z));
  }
};

struct Relu {
  static LUTHIER_INLINE F16 value(const F16& z) { return max(z, F16{}); }
  static LUTHIER_INLINE F16 slope(const F16& z) { return z > 0.0f ? splat(1.0f) : F16{}; }
};

struct Gradient {
  F16 gate, up;
};

template <class F>
struct Gated {
  static constexpr bool has_up = true;
  static LUTHIER_INLINE F16 forward(const F16& gate, const F16& up, const Activation&) { return F::value(gate) * up; }
  static LUTHIER_INLINE Gradient backward(const F16& gate, const F16& up, const F16& d, const Activation&) {
    return {d * up * F::slope(gate), d * F::value(gate)};
  }
};

template <class F>
struct Alone {
  static constexpr bool has_up = false;
  static LUTHIER_INLINE F16 forward(const F16& x, const F16&, const Activation&) { return F::value(x); }
  static LUTHIER_INLINE Gradient backward(const F16& x, const F16&, const F16& d, const Activation&) { return {d * F::slope(x), F16{}}; }
};

struct Clamped {
  static constexpr bool has_up = true;
  static LUTHIER_INLINE F16 forward(const F16& gate, const F16& up, const Activation& unit) {
    const F16 g = min(gate, splat(unit.limit)), u = min(max(up, splat(-unit.limit)), splat(unit.limit));
    return (u + 1.0f) * (g * sigmoid(unit.alpha * g));
  }
  static LUTHIER_INLINE Gradient backward(const F16& gate, const F16& up, const F16& d, const Activation& unit) {
    const F16 g = min(gate, splat(unit.limit)), u = min(max(up, splat(-unit.limit)), splat(unit.limit));
    const F16 s = sigmoid(unit.alpha * g);
    const F16 to_gate = d * (u + 1.0f) * (s * (1.0f + unit.alpha * g * (1.0f - s)));
    return {gate > unit.limit ? F16{} : to_gate, u != up ? F16{} : d * (g * s)};
  }
};

template <class U>
LUTHIER_INLINE void forward_with(const Activation& unit, std::int64_t count, const float* gate, const float* up, float* h) {
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) store(h + i, U::forward(load<F16>(gate + i), load<F16>(up + i), unit));
  if (i < count)
    store_part(h + i, U::forward(load_part(gate + i, count - i), load_part(up + i, count - i), unit), count - i);
}

template <class U>
LUTHIER_INLINE void backward_with(const Activation& unit, std::int64_t count, const float* gate, const float* up, const float* dh,
                                  float* dgate, float* dup) {
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const Gradient g = U::backward(load<F16>(gate + i), load<F16>(up + i), load<F16>(dh + i), unit);
    store(dgate + i, g.gate);
    if (U::has_up) store(dup + i, g.up);
  }
  if (i == count) return;
  const std::int64_t rest = count - i;
  const Gradient g = U::backward(load_part(gate + i, rest), load_part(up + i, rest), load_part(dh + i, rest), unit);
  store_part(dgate + i, g.gate, rest);
  if (U::has_up) store_part(dup + i, g.up, rest);
}

using Kind = checkpoint::Activation;

LUTHIER_CLONES void forward_columns(const Activation& unit, std::int64_t count, const float* gate, const float* up, float* h) {
  if (!unit.gated) switch (unit.kind) {
      case Kind::silu: return forward_with<Alone<Silu>>(unit, count, gate, up, h);
      case Kind::gelu: return forward_with<Alone<Gelu>>(unit, count, gate, up, h);
      case Kind::gelu_tanh: return forward_with<Alone<GeluTanh>>(unit, count, gate, up, h);
      case Kind::relu: return forward_with<Alone<Relu>>(unit, count, gate, up, h);
    }
  if (unit.limit > 0.0f) return forward_with<Clamped>(unit, count, gate, up, h);
  switch (unit.kind) {
    case Kind::silu: return forward_with<Gated<Silu>>(unit, count, gate, up, h);
    case Kind::gelu: return forward_with<Gated<Gelu>>(unit, count, gate, up, h);
    case Kind::gelu_tanh: return forward_with<Gated<GeluTanh>>(unit, count, gate, up, h);
    case Kind::relu: return forward_with<Gated<Relu>>(unit, count, gate, up, h);
  }
}

LUTHIER_CLONES void backward_columns(const Activation& unit, std::int64_t count, const float* gate, const float* up, const float* dh,
                                     float* dgate, float* dup) {
  if (!unit.gated) switch (unit.kind) {
      case Kind::silu: return backward_with<Alone<Silu>>(unit, count, gate, up, dh, dgate, dup);
      case Kind::gelu: return backward_with<Alone<Gelu>>(unit, count, gate, up, dh, dgate, dup);
      case Kind::gelu_tanh: return backward_with<Alone<GeluTanh>>(unit, count, gate, up, dh, dgate, dup);
      case Kind::relu: return backward_with<Alone<Relu>>(unit, count, gate, up, dh, dgate, dup);
    }
  if (unit.limit > 0.0f) return backward_with<Clamped>(unit, count, gate, up, dh, dgate, dup);
  switch (unit.kind) {
    case Kind::silu: return backward_with<Gated<Silu>>(unit, count, gate, up, dh, dgate, dup);
    case Kind::gelu: return backward_with<Gated<Gelu>>(unit, count, gate, up, dh, dgate, dup);
    case Kind::gelu_tanh: return backward_with<Gated<GeluTanh>>(unit, count, gate, up, dh, dgate, dup);
    case Kind::relu: return backward_with<Gated<Relu>>(unit, count, gate, up, dh, dgate, dup);
  }
}

constexpr std::int64_t block = 256;  // columns that are taken apart at a time

LUTHIER_CLONES void take_apart(std::int64_t count, const float* pairs, float* gate, float* up) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    gate[i] = pairs[2 * i];
    up[i] = pairs[2 * i + 1];
  }
}

LUTHIER_CLONES void put_together(std::int64_t count, const float* gate, const float* up, float* pairs) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    pairs[2 * i] = gate[i];
    pairs[2 * i + 1] = up[i];
  }
}

}  // namespace

void activation_forward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, float* h) {
  const Timed timed("activation");
  const std::int64_t ld = unit.columns(width);
#pragma omp parallel for schedule(static) if (rows > 4)
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * ld;
    if (!unit.gated || !unit.interleaved) {
      forward_columns(unit, width, row, row + (unit.gated ? width : 0), h + r * width);
      continue;
    }
    float gate[block], up[block];
    for (std::int64_t i = 0; i < width; i += block) {
      const std::int64_t count = std::min(block, width - i);
      take_apart(count, row + 2 * i, gate, up);
      forward_columns(unit, count, gate, up, h + r * width + i);
    }
  }
}

void activation_backward(const Activation& unit, std::int64_t rows, std::int64_t width, const float* x, const float* dh, float* dx) {
  const Timed timed("activation");
  const std::int64_t ld = unit.columns(width);
#pragma omp parallel for schedule(static) if (rows > 4)
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t up_at = unit.gated ? width : 0;
    if (!unit.gated || !unit.interleaved) {
      backward_columns(unit, width, x + r * ld, x + r * ld + up_at, dh + r * width, dx + r * ld, dx + r * ld + up_at);
      continue;
    }
    float gate[block], up[block];
    for (std::int64_t i = 0; i < width; i += block) {
      const std::int64_t count = std::min(block, width - i);
      take_apart(count, x + r * ld + 2 * i, gate, up);
      backward_columns(unit, count, gate, up, dh + r * width + i, gate, up);
      put_together(count, gate, up, dx + r * ld + 2 * i);
    }
  }
}

}  // namespace luthier::kernels
