#if defined(__x86_64__)

// g++ 12's own header reads a variable that it leaves undefined on purpose (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "gpu/serve/row_kernels.hpp"
#include "gpu/serve/row_kernels_sets.hpp"

#define LUTHIER_TARGET __attribute__((target("avx512f,avx512dq")))

namespace luthier::serve {
namespace {

constexpr std::ptrdiff_t prefetch_bytes = 2048;
constexpr std::int64_t tile_rows_max = 12;  // 24 sums, 2 of the panel and a factor: 27 of 32 registers
constexpr std::int64_t pair_rows_max = 3, dots_rows_max = 3;
using V = __m512;

LUTHIER_TARGET LUTHIER_INLINE V v_zero() { return _mm512_setzero_ps(); }
LUTHIER_TARGET LUTHIER_INLINE V v_set(float x) { return _mm512_set1_ps(x); }
LUTHIER_TARGET LUTHIER_INLINE V v_load(const float* p) { return _mm512_loadu_ps(p); }
LUTHIER_TARGET LUTHIER_INLINE V v_load(const Bf16* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
LUTHIER_TARGET LUTHIER_INLINE V v_load(const F16* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
LUTHIER_TARGET LUTHIER_INLINE V v_load(const std::int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
LUTHIER_TARGET LUTHIER_INLINE void v_store(float* p, V x) { _mm512_storeu_ps(p, x); }
LUTHIER_TARGET LUTHIER_INLINE V v_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
LUTHIER_TARGET LUTHIER_INLINE V v_add(V a, V b) { return _mm512_add_ps(a, b); }
LUTHIER_TARGET LUTHIER_INLINE V v_sub(V a, V b) { return _mm512_sub_ps(a, b); }
LUTHIER_TARGET LUTHIER_INLINE V v_mul(V a, V b) { return _mm512_mul_ps(a, b); }
LUTHIER_TARGET LUTHIER_INLINE V v_div(V a, V b) { return _mm512_div_ps(a, b); }
LUTHIER_TARGET LUTHIER_INLINE V v_max(V a, V b) { return _mm512_max_ps(a, b); }
LUTHIER_TARGET LUTHIER_INLINE V v_min(V a, V b) { return _mm512_min_ps(a, b); }
LUTHIER_TARGET LUTHIER_INLINE V v_round(V x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
LUTHIER_TARGET LUTHIER_INLINE V v_scale2(V x, V n) { return _mm512_scalef_ps(x, n); }
LUTHIER_TARGET LUTHIER_INLINE V v_zero_below(V x, float bound, V value) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(bound), _CMP_NLT_UQ), value);
}
LUTHIER_TARGET LUTHIER_INLINE __m256 v_low(V x) { return _mm512_castps512_ps256(x); }
LUTHIER_TARGET LUTHIER_INLINE __m256 v_high(V x) { return _mm512_extractf32x8_ps(x, 1); }

#include "gpu/serve/row_kernels_reduce.inc"
#include "gpu/serve/row_kernels_body.inc"

LUTHIER_TARGET void narrow_to_f16(const float* from, std::uint16_t* to, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm512_cvtps_ph(_mm512_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i) to[i] = f16_of_f32(from[i]);
}

}  // namespace

const RowKernels row_kernels_avx512{"avx512", multiply, multiply_weights, dots, narrow_to_f16, rmsnorm, layernorm, activate, clamped_swiglu, softcap, softmax, argmax};

}  // namespace luthier::serve

#endif
