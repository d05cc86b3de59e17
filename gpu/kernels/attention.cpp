#include "gpu/kernels/attention.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "gpu/kernels/attention_tile.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/small_gemm.hpp"

namespace luthier::kernels {
namespace {

using namespace tile;

constexpr std::int64_t units_max = 8;  // a tile of keys is packed once for so many groups of queries

// Buffers of one thread, kept between calls so that a step allocates nothing.
struct Buffers {
  std::vector<float> keys, values, scores, turned, sums;

  void reserve(std::int64_t head_dim) {
    const auto packed = static_cast<std::size_t>(padded(head_dim) * tile_keys);
    if (keys.size() >= packed) return;
    keys.resize(packed);
    values.resize(packed);
    scores.resize(tile_keys * tile_lanes);
    turned.resize(static_cast<std::size_t>(units_max * padded(head_dim) * tile_lanes));
    sums.resize(turned.size());
  }
};

Buffers& buffers_of_this_thread(std::int64_t head_dim) {
  thread_local Buffers buffers;
  buffers.reserve(head_dim);
  return buffers;
}

struct Forward {
  const AttentionShape& shape;
  std::int64_t rows;
  const float *q, *k, *v;
  std::int64_t ldq, ldkv;
  const float* sinks;
  float* out;
  std::int64_t ldout;
  float* log_sum_exp;
};

// Some heads that share keys and values, over some rows of a sequence.
struct Task {
  std::int32_t begin, end;  // rows of the sequence
  std::int32_t first_query, queries;
  std::int32_t first_head, heads;
};

// Tasks of a sequence begin with its shortest: run from the back, the threads end at nearly the same time.
std::vector<Task> tasks_of(const AttentionShape& shape, std::span<const std::int32_t> starts) {
  const auto group = static_cast<std::int32_t>(shape.heads / shape.kv_heads);
  const std::int32_t together = std::min<std::int32_t>(group, units_max);
  const std::int32_t rows = tile_lanes * (units_max / together);
  std::vector<Task> tasks;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s)
    for (std::int32_t kv = 0; kv < shape.kv_heads; ++kv)
      for (std::int32_t q = starts[s]; q < starts[s + 1]; q += rows)
        for (std::int32_t h = 0; h < group; h += together)
          tasks.push_back({starts[s], starts[s + 1], q, std::min(rows, starts[s + 1] - q), kv * group + h, std::min(together, group - h)});
  return tasks;
}

// As many queries of one head as a tile has lanes.
struct Unit {
  std::int64_t head, first_query, queries;
  float *turned, *sums;  // [head_dim, tile_lanes]
  float tops[tile_lanes], totals[tile_lanes];
};

void begin(const Forward& f, Unit& unit) {
  const std::int64_t dim = f.shape.head_dim;
  turn(unit.queries, dim, f.q + unit.first_query * f.ldq + unit.head * dim, f.ldq, unit.turned);
  std::fill(unit.sums, unit.sums + dim * tile_lanes, 0.0f);
  // A sink is a key that is seen first and has no value.
  std::fill(unit.tops, unit.tops + tile_lanes, f.sinks ? f.sinks[unit.head] : nothing_seen);
  std::fill(unit.totals, unit.totals + tile_lanes, f.sinks ? 1.0f : 0.0f);
}

void meet(const Forward& f, Unit& unit, std::int64_t key, std::int64_t keys, Buffers& b) {
  const Seen seen = seen_by(f.shape, unit.first_query, unit.queries, key, keys);
  if (seen.empty()) return;
  const std::int64_t dim = f.shape.head_dim, ld = padded(dim), count = seen.to - seen.from;
  float* scores = b.scores.data();
  small_gemm(count, tile_lanes, dim, b.keys.data() + seen.from * ld, ld, 1, unit.turned, tile_lanes, scores, tile_lanes, false);
  float corrections[tile_lanes];
  if (softmax(scores_of(f.shape, seen, unit.first_query, key), count, scores, unit.tops, unit.totals, corrections))
    multiply_columns(dim, corrections, unit.sums);
  small_gemm(dim, tile_lanes, count, b.values.data() + seen.from * ld, 1, ld, scores, tile_lanes, unit.sums, tile_lanes, true);
}

void end(const Forward& f, Unit& unit) {
  const std::int64_t dim = f.shape.head_dim;
  float inverse[tile_lanes] = {};
  for (std::int64_t i = 0; i < unit.queries; ++i) inverse[i] = 1.0f / unit.totals[i];
  turn_back(unit.queries, dim, unit.sums, inverse, f.out + unit.first_query * f.ldout + unit.head * dim, f.ldout);
  if (!f.log_sum_exp) return;
  for (std::int64_t i = 0; i < unit.queries; ++i)
    f.log_sum_exp[unit.head * f.rows + unit.first_query + i] = unit.tops[i] + std::log(unit.totals[i]);
}

void run(const Forward& f, const Task& task) {
  const std::int64_t dim = f.shape.head_dim, kv_head = task.first_head / (f.shape.heads / f.shape.kv_heads);
  Buffers& b = buffers_of_this_thread(dim);
  Unit units[units_max];
  std::size_t count = 0;
  for (std::int64_t head = task.first_head; head < task.first_head + task.heads; ++head)
    for (std::int64_t q = 0; q < task.queries; q += tile_lanes, ++count) {
      float* turned = b.turned.data() + static_cast<std::int64_t>(count) * dim * tile_lanes;
      float* sums = b.sums.data() + static_cast<std::int64_t>(count) * dim * tile_lanes;
      units[count] = {head, task.first_query + q, std::min(tile_lanes, task.queries - q), turned, sums, {}, {}};
      begin(f, units[count]);
    }
  // Tiles that no query of this task sees are never looked at.
  const std::int64_t last_key = f.shape.all ? task.end : task.first_query + task.queries;
  const bool windowed = f.shape.window > 0 && !f.shape.all;
  const std::int64_t first_key = windowed ? std::max<std::int64_t>(task.begin, task.first_query + 1 - f.shape.window) : task.begin;
  for (std::int64_t key = first_key; key < last_key; key += tile_keys) {
    const std::int64_t keys = std::min(tile_keys, last_key - key);
    pack(keys, dim, f.k + key * f.ldkv + kv_head * dim, f.ldkv, b.keys.data());
    pack(keys, dim, f.v + key * f.ldkv + kv_head * dim, f.ldkv, b.values.data());
    for (std::size_t u = 0; u < count; ++u) meet(f, units[u], key, keys, b);
  }
  for (std::size_t u = 0; u < count; ++u) end(f, units[u]);
}

}  // namespace

void attention_forward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                       const float* k, const float* v, std::int64_t ldkv, const float* sinks, float* out, std::int64_t ldout,
                       float* log_sum_exp) {
  const Timed timed("attention");
  assert(shape.heads % shape.kv_heads == 0 && shape.head_dim <= attention_head_dim_max);
  if (starts.size() < 2) return;
  const Forward f{shape, starts.back(), q, k, v, ldq, ldkv, sinks, out, ldout, log_sum_exp};
  const auto tasks = tasks_of(shape, starts);
  const auto count = static_cast<std::int64_t>(tasks.size());
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t t = count - 1; t >= 0; --t) run(f, tasks[static_cast<std::size_t>(t)]);
}

}  // namespace luthier::kernels
