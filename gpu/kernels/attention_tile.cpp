#include "gpu/kernels/attention_tile.hpp"

#ifndef __clang__
#pragma GCC optimize("finite-math-only", "no-signed-zeros")  // or the larger of two vectors is a comparison and a choice
#endif

#include <algorithm>
#include <cstring>
#include <utility>

#include "gpu/kernels/simd.hpp"

namespace luthier::kernels::tile {
namespace {

using namespace simd;

constexpr int wide = 16;  // lanes of a vector
static_assert(tile_lanes == 2 * wide);

LUTHIER_INLINE F16 lane_numbers() { return F16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

// Lanes of two rows change places: those with the bit `Step` from the first, those without it from the second.
template <int Step, std::size_t... Lane>
LUTHIER_INLINE void exchange(F16& a, F16& b, std::index_sequence<Lane...>) {
  const F16 first = __builtin_shufflevector(a, b, ((Lane & Step) ? static_cast<int>(Lane) - Step + wide : static_cast<int>(Lane))...);
  b = __builtin_shufflevector(a, b, ((Lane & Step) ? static_cast<int>(Lane) + wide : static_cast<int>(Lane) + Step)...);
  a = first;
}

template <int Step>
LUTHIER_INLINE void exchange_rows(F16 (&rows)[wide]) {
#pragma GCC unroll 16
  for (int i = 0; i < wide; ++i)
    if ((i & Step) == 0) exchange<Step>(rows[i], rows[i + Step], std::make_index_sequence<wide>{});
}

LUTHIER_INLINE void transpose(F16 (&rows)[wide]) {
  exchange_rows<1>(rows);
  exchange_rows<2>(rows);
  exchange_rows<4>(rows);
  exchange_rows<8>(rows);
}

LUTHIER_INLINE F16 capped(const Scores& how, const F16& score) { return simd::tanh(score * (how.scale / how.softcap)); }

// Far below any score where a query does not see the key, at these distances from it. GCC 12 takes comparisons apart here, lane by lane.
LUTHIER_INLINE F16 masked(const Scores& how, const F16& distances, const F16& score) {
  const F16 too_late = simd::min(distances, F16{}), too_early = simd::min((how.window - 1.0f) - distances, F16{});
  return score + (too_late + too_early) * 1e30f;
}

}  // namespace

Seen seen_by(const AttentionShape& shape, std::int64_t first_query, std::int64_t queries, std::int64_t first_key, std::int64_t keys) {
  if (shape.all) return {0, keys, false};
  const std::int64_t last_query = first_query + queries - 1;
  Seen seen{0, std::clamp(last_query + 1 - first_key, std::int64_t{0}, keys), false};
  if (shape.window > 0)  // a whole number of register blocks
    seen.from = std::max(first_query + 1 - shape.window - first_key, std::int64_t{0}) / 8 * 8;
  const bool too_late = first_query < first_key + seen.to - 1;
  const bool too_early = shape.window > 0 && last_query - (first_key + seen.from) >= shape.window;
  seen.masked = too_late || too_early;
  return seen;
}

Scores scores_of(const AttentionShape& shape, const Seen& seen, std::int64_t first_query, std::int64_t first_key) {
  constexpr std::int64_t unbounded = 1 << 24;  // as far as floats count
  return {.scale = shape.scale,
          .softcap = shape.softcap,
          .masked = seen.masked,
          .distance = static_cast<float>(first_query - first_key - seen.from),
          .window = static_cast<float>(shape.window > 0 ? std::min(shape.window, unbounded) : unbounded)};
}

LUTHIER_CLONES void turn(std::int64_t rows, std::int64_t width, const float* in, std::int64_t ld, float* out) {
  for (std::int64_t d = 0; d < width; d += wide)
    for (std::int64_t r = 0; r < tile_lanes; r += wide) {
      F16 square[wide];
      for (int i = 0; i < wide; ++i) {
        if (r + i >= rows)
          square[i] = F16{};
        else
          square[i] = d + wide <= width ? load<F16>(in + (r + i) * ld + d) : load_part(in + (r + i) * ld + d, width - d);
      }
      transpose(square);
      for (int i = 0; i < wide; ++i)
        if (d + i < width) store(out + (d + i) * tile_lanes + r, square[i]);
    }
}

LUTHIER_CLONES void turn_back(std::int64_t rows, std::int64_t width, const float* in, const float* by, float* out, std::int64_t ld) {
  for (std::int64_t r = 0; r < rows; r += wide) {
    const F16 factors = load<F16>(by + r);
    for (std::int64_t d = 0; d < width; d += wide) {
      F16 square[wide];
      for (int i = 0; i < wide; ++i) square[i] = d + i < width ? load<F16>(in + (d + i) * tile_lanes + r) * factors : F16{};
      transpose(square);
      for (int i = 0; i < wide; ++i) {
        if (r + i >= rows) continue;
        if (d + wide <= width)
          store(out + (r + i) * ld + d, square[i]);
        else
          store_part(out + (r + i) * ld + d, square[i], width - d);
      }
    }
  }
}

LUTHIER_CLONES void pack(std::int64_t rows, std::int64_t width, const float* in, std::int64_t ld, float* out) {
  const std::int64_t to = padded(width), whole = width / wide * wide;
  for (std::int64_t r = 0; r < rows; ++r, in += ld, out += to) {
    for (std::int64_t d = 0; d < whole; d += wide) store(out + d, load<F16>(in + d));
    if (whole < width) store(out + whole, load_part(in + whole, width - whole));
  }
}

LUTHIER_CLONES bool softmax(const Scores& how, std::int64_t keys, float* scores, float* tops, float* totals, float* corrections) {
  const bool caps = how.softcap > 0;
  const float scale = caps ? how.softcap : how.scale;
  F16 smallest = splat(1.0f);
  for (std::int64_t half = 0; half < tile_lanes; half += wide) {
    float* x = scores + half;
    const F16 distances = lane_numbers() + (how.distance + static_cast<float>(half));
    if (caps || how.masked)
      for (std::int64_t r = 0; r < keys; ++r) {
        F16 score = load<F16>(x + r * tile_lanes);
        if (caps) score = capped(how, score);
        if (how.masked) score = masked(how, distances - static_cast<float>(r), score);
        store(x + r * tile_lanes, score);
      }
    F16 largest = load<F16>(x), other = largest;
    std::int64_t r = 1;
    for (; r + 2 <= keys; r += 2) {
      largest = simd::max(largest, load<F16>(x + r * tile_lanes));
      other = simd::max(other, load<F16>(x + (r + 1) * tile_lanes));
    }
    if (r < keys) largest = simd::max(largest, load<F16>(x + r * tile_lanes));
    const F16 before = load<F16>(tops + half), top = simd::max(before, simd::max(largest, other) * scale);
    const F16 correction = simd::exp(before - top);
    F16 total = load<F16>(totals + half) * correction;
    for (r = 0; r < keys; ++r) {
      const F16 p = simd::exp(load<F16>(x + r * tile_lanes) * scale - top);
      store(x + r * tile_lanes, p);
      total += p;
    }
    store(tops + half, top);
    store(totals + half, total);
    store(corrections + half, correction);
    smallest = simd::min(smallest, correction);
  }
  return -simd::max(-smallest) < 1.0f;
}

LUTHIER_CLONES void multiply_columns(std::int64_t rows, const float* by, float* x) {
  const F16 first = load<F16>(by), second = load<F16>(by + wide);
  for (std::int64_t r = 0; r < rows; ++r) {
    store(x + r * tile_lanes, load<F16>(x + r * tile_lanes) * first);
    store(x + r * tile_lanes + wide, load<F16>(x + r * tile_lanes + wide) * second);
  }
}

LUTHIER_CLONES void softmax_backward(const Scores& how, std::int64_t keys, const float* log_sum_exp, const float* row_dots, float* scores,
                                     float* dp, std::int64_t ld) {
  const bool caps = how.softcap > 0;
  const float scale = caps ? how.softcap : how.scale;
  for (std::int64_t half = 0; half < tile_lanes; half += wide) {
    const F16 top = load<F16>(log_sum_exp + half), dots = load<F16>(row_dots + half);
    const F16 distances = lane_numbers() + (how.distance + static_cast<float>(half));
    for (std::int64_t r = 0; r < keys; ++r) {
      F16 score = load<F16>(scores + r * ld + half), slope = splat(how.scale);
      if (caps) {
        score = capped(how, score);
        slope = slope * (1.0f - score * score);
      }
      if (how.masked) score = masked(how, distances - static_cast<float>(r), score);
      const F16 p = simd::exp(score * scale - top);
      store(scores + r * ld + half, p);
      store(dp + r * ld + half, p * (load<F16>(dp + r * ld + half) - dots) * slope);
    }
  }
}

LUTHIER_CLONES float dot(std::int64_t count, const float* x, const float* y) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + wide <= count; i += wide) total += load<F16>(x + i) * load<F16>(y + i);
  if (i < count) total += load_part(x + i, count - i) * load_part(y + i, count - i);
  return sum(total);
}

}  // namespace luthier::kernels::tile
