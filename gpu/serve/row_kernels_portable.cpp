// Plain loops for any processor: they define what is right, and the compiler vectorises them as it can.
#include <cmath>

#include "gpu/checkpoint/half.hpp"
#include "gpu/serve/row_kernels.hpp"
#include "gpu/serve/row_kernels_sets.hpp"

#define LUTHIER_TARGET

namespace luthier::serve {
namespace {

constexpr std::ptrdiff_t prefetch_bytes = 2048;
constexpr std::int64_t tile_rows_max = 2;
constexpr std::int64_t pair_rows_max = 1, dots_rows_max = 1;
struct V {
  float x[16];
};

template <class F>
LUTHIER_INLINE V each(F f) {
  V out;
  for (int i = 0; i < 16; ++i) out.x[i] = f(i);
  return out;
}

LUTHIER_INLINE V v_zero() { return V{}; }
LUTHIER_INLINE V v_set(float x) { return each([&](int) { return x; }); }
LUTHIER_INLINE V v_load(const float* p) { return each([&](int i) { return p[i]; }); }
LUTHIER_INLINE V v_load(const Bf16* p) {
  return each([&](int i) { return checkpoint::f32_of_bf16(static_cast<std::uint16_t>(p[i])); });
}
LUTHIER_INLINE V v_load(const F16* p) {
  return each([&](int i) { return checkpoint::f32_of_f16(static_cast<std::uint16_t>(p[i])); });
}
LUTHIER_INLINE V v_load(const std::int8_t* p) { return each([&](int i) { return static_cast<float>(p[i]); }); }
LUTHIER_INLINE void v_store(float* p, V v) { for (int i = 0; i < 16; ++i) p[i] = v.x[i]; }
LUTHIER_INLINE V v_fma(V a, V b, V c) { return each([&](int i) { return a.x[i] * b.x[i] + c.x[i]; }); }
LUTHIER_INLINE V v_add(V a, V b) { return each([&](int i) { return a.x[i] + b.x[i]; }); }
LUTHIER_INLINE V v_sub(V a, V b) { return each([&](int i) { return a.x[i] - b.x[i]; }); }
LUTHIER_INLINE V v_mul(V a, V b) { return each([&](int i) { return a.x[i] * b.x[i]; }); }
LUTHIER_INLINE V v_div(V a, V b) { return each([&](int i) { return a.x[i] / b.x[i]; }); }
LUTHIER_INLINE V v_max(V a, V b) { return each([&](int i) { return a.x[i] > b.x[i] ? a.x[i] : b.x[i]; }); }
LUTHIER_INLINE V v_min(V a, V b) { return each([&](int i) { return a.x[i] < b.x[i] ? a.x[i] : b.x[i]; }); }
LUTHIER_INLINE V v_round(V a) { return each([&](int i) { return __builtin_nearbyintf(a.x[i]); }); }
LUTHIER_INLINE V v_scale2(V a, V n) { return each([&](int i) { return std::ldexp(a.x[i], static_cast<int>(n.x[i])); }); }
LUTHIER_INLINE V v_zero_below(V a, float bound, V value) {
  return each([&](int i) { return a.x[i] < bound ? 0.0F : value.x[i]; });
}

template <class F>
LUTHIER_INLINE float halves(V v, F f) {
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) v.x[i] = f(v.x[i], v.x[i + half]);
  return v.x[0];
}
LUTHIER_INLINE float v_sum(V v) { return halves(v, [](float a, float b) { return a + b; }); }
LUTHIER_INLINE float v_largest(V v) { return halves(v, [](float a, float b) { return a > b ? a : b; }); }

#include "gpu/serve/row_kernels_body.inc"

void narrow_to_f16(const float* from, std::uint16_t* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = f16_of_f32(from[i]);
}

}  // namespace

const RowKernels row_kernels_portable{"portable", multiply, multiply_weights, dots, narrow_to_f16, rmsnorm, layernorm, activate, clamped_swiglu, softcap, softmax, argmax};

}  // namespace luthier::serve
