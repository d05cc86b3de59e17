// Short vectors as a language extension of GCC and clang, which lower them to whatever the function's target has.
// Internal to the kernels. Everything here is forced inline, so that it takes the target of its caller.
#pragma once

#include <cstdint>
#include <cstring>

#include "gpu/kernels/dispatch.hpp"

#pragma GCC diagnostic ignored "-Wpsabi"  // nothing here is called across a function boundary

namespace luthier::kernels::simd {

using F16 = float __attribute__((vector_size(64)));
using I16 = std::int32_t __attribute__((vector_size(64)));
using F8 = float __attribute__((vector_size(32)));

template <class V>
LUTHIER_INLINE V load(const float* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class V>
LUTHIER_INLINE void store(float* to, const V& v) {
  std::memcpy(to, &v, sizeof v);
}

// The last, incomplete vector of a row: lanes from `count` on get `fill`.
LUTHIER_INLINE F16 load_part(const float* from, std::int64_t count, float fill = 0.0f) {
  float lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = fill;
  for (std::int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  return load<F16>(lanes);
}

LUTHIER_INLINE void store_part(float* to, const F16& v, std::int64_t count) {
  float lanes[16];
  store(lanes, v);
  for (std::int64_t i = 0; i < count; ++i) to[i] = lanes[i];
}

LUTHIER_INLINE F16 splat(float value) { return F16{} + value; }

// A fixed tree, so that a sum does not depend on the target's way to add lanes.
template <class V>
LUTHIER_INLINE float sum(const V& v) {
  constexpr int lanes_count = sizeof(V) / sizeof(float);
  float lanes[lanes_count];
  store(lanes, v);
  for (int width = lanes_count / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

LUTHIER_INLINE float max(const F16& v) {
  float lanes[16];
  store(lanes, v);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
  return lanes[0];
}

LUTHIER_INLINE F16 max(const F16& a, const F16& b) { return a > b ? a : b; }
LUTHIER_INLINE F16 min(const F16& a, const F16& b) { return a < b ? a : b; }

// e^x to 2 units in the last place: x = n ln 2 + r, |r| <= ln 2 / 2, e^r by its series, 2^n put into the exponent.
// Below -87.3 it is 0 within the smallest normal number; above 88.3 it stays at e^88.3, which no caller reaches.
LUTHIER_INLINE F16 exp(const F16& x) {
  const F16 bounded = min(max(x, splat(-87.3f)), splat(88.3f));
  const F16 shifted = bounded * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23: rounds to an integer in the low bits
  const F16 n = shifted - 12582912.0f;
  const F16 r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  F16 p = splat(1.0f / 5040.0f);
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const I16 power = (__builtin_convertvector(n, I16) + 127) << 23;
  F16 scale;
  std::memcpy(&scale, &power, sizeof scale);
  const F16 result = p * scale;
  return x < -87.3f ? F16{} : result;
}

// tanh x: its series where x is small and e^x would lose digits, else 1 - 2 / (e^2x + 1).
LUTHIER_INLINE F16 tanh(const F16& x) {
  const F16 square = x * x;
  F16 p = splat(-1382.0f / 155925.0f);
  p = p * square + 62.0f / 2835.0f;
  p = p * square - 17.0f / 315.0f;
  p = p * square + 2.0f / 15.0f;
  p = p * square - 1.0f / 3.0f;
  const F16 near = x + x * square * p;
  const F16 far = 1.0f - 2.0f / (simd::exp(2.0f * x) + 1.0f);
  return square < 0.1225f ? near : far;
}

}  // namespace luthier::kernels::simd
