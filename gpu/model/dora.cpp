#include "gpu/model/dora.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/gemm.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/model/projection.hpp"
#include "gpu/model/stored_linear.hpp"

namespace luthier::model {
namespace {

using kernels::gemm;
using kernels::Transpose;

constexpr std::int64_t columns_at_once = 64;

LUTHIER_CLONES void scale_row(std::int64_t width, const float* gain, const float* x, float beta, float* y) {
  if (beta == 0.0f) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) y[i] = gain[i] * x[i];
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) y[i] = beta * y[i] + gain[i] * x[i];
  }
}

LUTHIER_CLONES void subtract_row(std::int64_t width, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) y[i] -= x[i];
}

LUTHIER_CLONES void add_products(std::int64_t width, const float* dy, const float* z, double* sums) {
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) sums[i] += static_cast<double>(dy[i]) * static_cast<double>(z[i]);
}

WeightRows rows_of(const LinearPart& part, std::int64_t in) {
  if (part.stored)
    return [&part, in](std::int64_t first, std::int64_t count, float* rows) {
      decode(part.stored, first * in, {rows, static_cast<std::size_t>(count * in)});
    };
  return [&part, in](std::int64_t first, std::int64_t count, float* rows) {
    std::memcpy(rows, part.weight + first * in, static_cast<std::size_t>(count * in) * sizeof(float));
  };
}

}  // namespace

void dora_norms(const AdaptedWeight& w, const WeightRows& weight, float* norms, float* room) {
  const std::int64_t at_once = stored_room(w.out, w.in) / w.in;
  for (std::int64_t first = 0; first < w.out; first += at_once) {
    const std::int64_t count = std::min(at_once, w.out - first);
    weight(first, count, room);
    gemm(Transpose::no, Transpose::no, count, w.in, w.r, w.scale, w.b + first * w.r, w.r, w.a, w.in, 1, room, w.in);
    kernels::row_norms(count, w.in, room, norms + first);
  }
}

float dora_gain(float magnitude, float norm) { return norm > 0 ? magnitude / norm : 0; }

void refresh_gains(const Projection& p, float* room) {
  if (!p.gain) return;
  assert(!p.turned);  // experts of one tensor: PEFT refuses DoRA there, and so does the adapter's configuration
  std::fill(p.gain, p.gain + p.out, 1.0f);
  for (const LowRankPart& low : p.low_rank) {
    const LinearPart& part = p.parts[static_cast<std::size_t>(low.part)];
    float *gain = p.gain + low.first_column, *norm = p.norm + low.first_column;
    dora_norms({low.out, p.in, low.r, low.scale, p.a + low.first * p.in, low.b}, rows_of(part, p.in), norm, room);
    for (std::int64_t o = 0; o < low.out; ++o) gain[o] = dora_gain(low.magnitude[o], norm[o]);
  }
}

void scale_columns(std::int64_t rows, std::int64_t width, std::int64_t ld, const float* gain, const float* x, float beta, float* y) {
  const kernels::Timed timed("magnitudes");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) scale_row(width, gain, x + r * ld, beta, y + r * ld);
}

void subtract(std::int64_t rows, std::int64_t width, std::int64_t ld, const float* x, float* y) {
  const kernels::Timed timed("magnitudes");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r) subtract_row(width, x + r * ld, y + r * ld);
}

void magnitude_gradient(std::int64_t rows, std::int64_t width, std::int64_t ld, const float* dy, const float* z, const float* norm, float* dm) {
  const kernels::Timed timed("magnitudes");
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t begin = 0; begin < width; begin += columns_at_once) {
    const std::int64_t count = std::min(columns_at_once, width - begin);
    double sums[columns_at_once] = {};
    for (std::int64_t r = 0; r < rows; ++r) add_products(count, dy + r * ld + begin, z + r * ld + begin, sums);
    for (std::int64_t i = 0; i < count; ++i)
      if (norm[begin + i] > 0) dm[begin + i] += static_cast<float>(sums[i] / static_cast<double>(norm[begin + i]));
  }
}

}  // namespace luthier::model
