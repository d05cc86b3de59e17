#if defined(__x86_64__)

#include <immintrin.h>

#include "gpu/serve/row_kernels.hpp"
#include "gpu/serve/row_kernels_sets.hpp"

#define LUTHIER_TARGET __attribute__((target("avx2,fma,f16c")))

namespace luthier::serve {
namespace {

constexpr std::ptrdiff_t prefetch_bytes = 2048;
constexpr std::int64_t tile_rows_max = 3;  // 12 sums of 8 lanes, 4 of the panel: all 16 registers
constexpr std::int64_t pair_rows_max = 1, dots_rows_max = 1;
struct V {
  __m256 a, b;
};

LUTHIER_TARGET LUTHIER_INLINE V v_zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
LUTHIER_TARGET LUTHIER_INLINE V v_set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
LUTHIER_TARGET LUTHIER_INLINE __m256 widened(const Bf16* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
LUTHIER_TARGET LUTHIER_INLINE __m256 widened(const F16* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
LUTHIER_TARGET LUTHIER_INLINE __m256 widened(const std::int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
LUTHIER_TARGET LUTHIER_INLINE V v_load(const Bf16* p) { return {widened(p), widened(p + 8)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_load(const F16* p) { return {widened(p), widened(p + 8)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_load(const std::int8_t* p) { return {widened(p), widened(p + 8)}; }
LUTHIER_TARGET LUTHIER_INLINE void v_store(float* p, V x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
LUTHIER_TARGET LUTHIER_INLINE V v_fma(V a, V b, V c) { return {_mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_add(V a, V b) { return {_mm256_add_ps(a.a, b.a), _mm256_add_ps(a.b, b.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_sub(V a, V b) { return {_mm256_sub_ps(a.a, b.a), _mm256_sub_ps(a.b, b.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_mul(V a, V b) { return {_mm256_mul_ps(a.a, b.a), _mm256_mul_ps(a.b, b.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_div(V a, V b) { return {_mm256_div_ps(a.a, b.a), _mm256_div_ps(a.b, b.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_max(V a, V b) { return {_mm256_max_ps(a.a, b.a), _mm256_max_ps(a.b, b.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_min(V a, V b) { return {_mm256_min_ps(a.a, b.a), _mm256_min_ps(a.b, b.b)}; }
LUTHIER_TARGET LUTHIER_INLINE V v_round(V x) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, nearest), _mm256_round_ps(x.b, nearest)};
}
// n is between -126 and 127, so the power of two is a normal number made from its exponent bits.
LUTHIER_TARGET LUTHIER_INLINE __m256 power2(__m256 n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
LUTHIER_TARGET LUTHIER_INLINE V v_scale2(V x, V n) { return {_mm256_mul_ps(x.a, power2(n.a)), _mm256_mul_ps(x.b, power2(n.b))}; }
LUTHIER_TARGET LUTHIER_INLINE V v_zero_below(V x, float bound, V value) {
  const __m256 limit = _mm256_set1_ps(bound);
  return {_mm256_and_ps(_mm256_cmp_ps(x.a, limit, _CMP_NLT_UQ), value.a),
          _mm256_and_ps(_mm256_cmp_ps(x.b, limit, _CMP_NLT_UQ), value.b)};
}
LUTHIER_TARGET LUTHIER_INLINE __m256 v_low(V x) { return x.a; }
LUTHIER_TARGET LUTHIER_INLINE __m256 v_high(V x) { return x.b; }

#include "gpu/serve/row_kernels_reduce.inc"
#include "gpu/serve/row_kernels_body.inc"

LUTHIER_TARGET void narrow_to_f16(const float* from, std::uint16_t* to, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i) to[i] = f16_of_f32(from[i]);
}

}  // namespace

const RowKernels row_kernels_avx2{"avx2", multiply, multiply_weights, dots, narrow_to_f16, rmsnorm, layernorm, activate, clamped_swiglu, softcap, softmax, argmax};

}  // namespace luthier::serve

#endif
