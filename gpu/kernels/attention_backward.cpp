#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "gpu/kernels/attention.hpp"
#include "gpu/kernels/attention_tile.hpp"
#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"
#include "gpu/kernels/small_gemm.hpp"

namespace luthier::kernels {
namespace {

using namespace tile;

constexpr std::int64_t query_block = 2 * tile_lanes;
constexpr std::int64_t key_band = 32;      // of a tile: within it all keys meet the same queries
constexpr std::int64_t parts_max = 2;      // of a sequence's queries, each with its own sums of dk and dv
constexpr std::int64_t divided_from = 512; // rows: shorter sequences are one part

// Buffers of one thread, kept between calls so that a step allocates nothing.
struct Buffers {
  std::vector<float> keys, values, queries, douts;  // [64, padded head_dim]
  std::vector<float> queries_turned, douts_turned;  // two of [head_dim, tile_lanes]
  std::vector<float> p, dp;                         // [tile_keys, query_block]
  std::vector<float> dq;                            // [query_block, padded head_dim]

  void reserve(std::int64_t head_dim) {
    const auto packed = static_cast<std::size_t>(padded(head_dim) * query_block);
    if (keys.size() >= packed) return;
    for (auto* buffer : {&keys, &values, &queries, &douts, &queries_turned, &douts_turned, &dq}) buffer->resize(packed);
    for (auto* buffer : {&p, &dp}) buffer->resize(tile_keys * query_block);
  }
};
static_assert(tile_keys == query_block);

Buffers& buffers_of_this_thread(std::int64_t head_dim) {
  thread_local Buffers buffers;
  buffers.reserve(head_dim);
  return buffers;
}

struct Backward {
  const AttentionShape& shape;
  std::int64_t rows;
  const float *q, *k, *v, *out, *dout, *log_sum_exp;
  std::int64_t ldq, ldkv, ldout;
  float* dq;
  std::int64_t lddq;
  float *dk_parts, *dv_parts;  // [heads, parts_max, rows, padded head_dim]
  float* row_dots;             // [heads, rows]: dout . out

  float* part_of(float* all, std::int64_t head, std::int64_t part) const {
    return all + (head * parts_max + part) * rows * padded(shape.head_dim);
  }
};

// Some queries of a sequence, of one head: their dq, and what they add to dk and dv.
struct Task {
  std::int32_t begin, end;  // rows of the sequence
  std::int32_t first_query, last_query;
  std::int32_t head, part;
};

std::int64_t parts_of(std::int64_t length) { return length < divided_from ? 1 : parts_max; }

// Where the second part begins: a query costs as much as it sees.
std::int32_t middle_of(const AttentionShape& shape, std::int64_t length) {
  const bool same_cost = shape.all || (shape.window > 0 && shape.window < length / 2);
  const double share = same_cost ? 0.5 : 0.7071;
  return static_cast<std::int32_t>(static_cast<std::int64_t>(share * static_cast<double>(length)) / query_block * query_block);
}

std::vector<Task> tasks_of(const AttentionShape& shape, std::span<const std::int32_t> starts) {
  std::vector<Task> tasks;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s) {
    const std::int32_t begin = starts[s], end = starts[s + 1];
    if (begin == end) continue;
    const bool divided = parts_of(end - begin) > 1;
    const std::int32_t middle = divided ? begin + middle_of(shape, end - begin) : end;
    for (std::int32_t h = 0; h < shape.heads; ++h) {
      tasks.push_back({begin, end, begin, middle, h, 0});
      if (divided) tasks.push_back({begin, end, middle, end, h, 1});
    }
  }
  return tasks;
}

// A block of queries, and what of each half of it sees which keys of the tile at hand.
struct Block {
  std::int64_t first, count;
  Seen seen[2];
  float log_sum_exp[query_block], row_dots[query_block];

  std::int64_t queries(std::int64_t half) const { return std::clamp(count - half * tile_lanes, std::int64_t{0}, tile_lanes); }
};

void begin(const Backward& g, const Task& task, Block& block, Buffers& b) {
  const std::int64_t dim = g.shape.head_dim;
  const float* q = g.q + block.first * g.ldq + task.head * dim;
  const float* dout = g.dout + block.first * g.ldout + task.head * dim;
  const float* out = g.out + block.first * g.ldout + task.head * dim;
  pack(block.count, dim, q, g.ldq, b.queries.data());
  pack(block.count, dim, dout, g.ldout, b.douts.data());
  for (std::int64_t half = 0; half < 2; ++half) {
    turn(block.queries(half), dim, q + half * tile_lanes * g.ldq, g.ldq, b.queries_turned.data() + half * dim * tile_lanes);
    turn(block.queries(half), dim, dout + half * tile_lanes * g.ldout, g.ldout, b.douts_turned.data() + half * dim * tile_lanes);
  }
  for (std::int64_t i = 0; i < query_block; ++i) {
    const std::int64_t at = task.head * g.rows + block.first + i;
    block.log_sum_exp[i] = i < block.count ? g.log_sum_exp[at] : 0.0f;
    block.row_dots[i] = i < block.count ? dot(dim, dout + i * g.ldout, out + i * g.ldout) : 0.0f;
    if (i < block.count) g.row_dots[at] = block.row_dots[i];
  }
  std::fill(b.dq.begin(), b.dq.end(), 0.0f);
}

void zero_outside(const Seen& seen, std::int64_t keys, float* columns) {
  for (std::int64_t r = 0; r < keys; ++r)
    if (r < seen.from || r >= seen.to) std::memset(columns + r * query_block, 0, tile_lanes * sizeof(float));
}

// The probabilities of a tile, computed again, and the gradient of its products q . k.
void scores_backward(const Backward& g, Block& block, std::int64_t key, std::int64_t keys, Buffers& b) {
  const std::int64_t dim = g.shape.head_dim, ld = padded(dim);
  for (std::int64_t half = 0; half < 2; ++half) {
    Seen& seen = block.seen[half];
    const std::int64_t queries = block.queries(half), first_query = block.first + half * tile_lanes;
    seen = queries > 0 ? seen_by(g.shape, first_query, queries, key, keys) : Seen{};
    float *p = b.p.data() + half * tile_lanes, *dp = b.dp.data() + half * tile_lanes;
    zero_outside(seen, keys, p);
    zero_outside(seen, keys, dp);
    if (seen.empty()) continue;
    const std::int64_t count = seen.to - seen.from;
    p += seen.from * query_block;
    dp += seen.from * query_block;
    small_gemm(count, tile_lanes, dim, b.keys.data() + seen.from * ld, ld, 1, b.queries_turned.data() + half * dim * tile_lanes, tile_lanes, p,
               query_block, false);
    small_gemm(count, tile_lanes, dim, b.values.data() + seen.from * ld, ld, 1, b.douts_turned.data() + half * dim * tile_lanes, tile_lanes, dp,
               query_block, false);
    softmax_backward(scores_of(g.shape, seen, first_query, key), count, block.log_sum_exp + half * tile_lanes,
                     block.row_dots + half * tile_lanes, p, dp, query_block);
  }
}

// dk and dv of a tile: added to where the tile has been met before.
void keys_backward(const Block& block, std::int64_t keys, std::int64_t dim, bool add, float* dk, float* dv, Buffers& b) {
  const std::int64_t ld = padded(dim);
  for (std::int64_t band = 0; band < keys; band += key_band) {
    const std::int64_t count = std::min(key_band, keys - band);
    const auto meets = [&](const Seen& seen) { return seen.from < band + count && seen.to > band; };
    const std::int64_t from = meets(block.seen[0]) ? 0 : tile_lanes, to = std::min(block.count, meets(block.seen[1]) ? query_block : tile_lanes);
    if (from >= to) {
      if (!add)
        for (float* d : {dk, dv}) std::fill(d + band * ld, d + (band + count) * ld, 0.0f);
      continue;
    }
    small_gemm(count, ld, to - from, b.p.data() + band * query_block + from, query_block, 1, b.douts.data() + from * ld, ld, dv + band * ld, ld, add);
    small_gemm(count, ld, to - from, b.dp.data() + band * query_block + from, query_block, 1, b.queries.data() + from * ld, ld, dk + band * ld, ld, add);
  }
}

void queries_backward(const Block& block, std::int64_t dim, Buffers& b) {
  const std::int64_t ld = padded(dim);
  for (std::int64_t half = 0; half < 2; ++half) {
    const Seen& seen = block.seen[half];
    if (seen.empty()) continue;
    small_gemm(block.queries(half), ld, seen.to - seen.from, b.dp.data() + seen.from * query_block + half * tile_lanes, 1, query_block,
               b.keys.data() + seen.from * ld, ld, b.dq.data() + half * tile_lanes * ld, ld, true);
  }
}

// The tiles of keys begin at the same rows for all blocks of queries, in order: `met` keys have sums already.
void run(const Backward& g, const Task& task) {
  const std::int64_t dim = g.shape.head_dim, ld = padded(dim), kv_head = task.head / (g.shape.heads / g.shape.kv_heads);
  float *dk = g.part_of(g.dk_parts, task.head, task.part), *dv = g.part_of(g.dv_parts, task.head, task.part);
  const bool windowed = g.shape.window > 0 && !g.shape.all;
  Buffers& b = buffers_of_this_thread(dim);
  Block block{};
  std::int64_t met = task.begin;
  for (block.first = task.first_query; block.first < task.last_query; block.first += query_block) {
    block.count = std::min<std::int64_t>(query_block, task.last_query - block.first);
    begin(g, task, block, b);
    const std::int64_t last_key = g.shape.all ? task.end : block.first + block.count;
    std::int64_t key = task.begin;
    if (windowed) key += std::max<std::int64_t>(0, block.first + 1 - g.shape.window - task.begin) / tile_keys * tile_keys;
    for (; met < key; ++met)  // rows that nobody sees
      for (float* d : {dk, dv}) std::fill(d + met * ld, d + (met + 1) * ld, 0.0f);
    for (; key < last_key; key += tile_keys) {
      const std::int64_t keys = std::min<std::int64_t>(tile_keys, last_key - key);
      pack(keys, dim, g.k + key * g.ldkv + kv_head * dim, g.ldkv, b.keys.data());
      pack(keys, dim, g.v + key * g.ldkv + kv_head * dim, g.ldkv, b.values.data());
      scores_backward(g, block, key, keys, b);
      keys_backward(block, keys, dim, key < met, dk + key * ld, dv + key * ld, b);
      queries_backward(block, dim, b);
      met = std::max(met, key + keys);
    }
    for (std::int64_t i = 0; i < block.count; ++i)
      std::memcpy(g.dq + (block.first + i) * g.lddq + task.head * dim, b.dq.data() + i * ld, static_cast<std::size_t>(dim) * sizeof(float));
  }
  for (; met < task.end; ++met)
    for (float* d : {dk, dv}) std::fill(d + met * ld, d + (met + 1) * ld, 0.0f);
}

LUTHIER_CLONES void add_row(std::int64_t count, const float* x, float* to) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] += x[i];
}

// Heads of a group share one head of keys and values; theirs is the sum of the gradients, in the heads' order.
void sum_groups(const Backward& g, std::span<const std::int32_t> starts, float* parts, float* out, std::int64_t ldout) {
  const std::int64_t group = g.shape.heads / g.shape.kv_heads, dim = g.shape.head_dim, ld = padded(dim);
#pragma omp parallel for schedule(static) if (g.rows > 16)
  for (std::int64_t r = 0; r < g.rows; ++r) {
    const auto after = std::upper_bound(starts.begin(), starts.end(), static_cast<std::int32_t>(r));
    const std::int64_t count = parts_of(*after - *(after - 1));
    for (std::int64_t kv = 0; kv < g.shape.kv_heads; ++kv) {
      float* to = out + r * ldout + kv * dim;
      std::memcpy(to, g.part_of(parts, kv * group, 0) + r * ld, static_cast<std::size_t>(dim) * sizeof(float));
      for (std::int64_t i = 1; i < group * count; ++i)
        add_row(dim, g.part_of(parts, kv * group + i / count, i % count) + r * ld, to);
    }
  }
}

// A sink's probability is what its exponential takes of the denominator; it has no value, so its score's gradient is -p times
// each row's sum of p * dp, which dout . out is.
void sinks_backward(const Backward& g, const float* sinks, float* dsinks) {
  for (std::int64_t h = 0; h < g.shape.heads; ++h) {
    double total = 0;
    for (std::int64_t r = 0; r < g.rows; ++r)
      total += std::exp(static_cast<double>(sinks[h] - g.log_sum_exp[h * g.rows + r])) * static_cast<double>(g.row_dots[h * g.rows + r]);
    dsinks[h] -= static_cast<float>(total);
  }
}

std::size_t floats_of_parts(const AttentionShape& shape, std::int64_t rows) {
  return static_cast<std::size_t>(shape.heads * parts_max * rows * padded(shape.head_dim));
}

}  // namespace

std::size_t attention_backward_scratch(const AttentionShape& shape, std::int64_t rows) {
  return 2 * floats_of_parts(shape, rows) + static_cast<std::size_t>(rows * shape.heads);
}

void attention_backward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                        const float* k, const float* v, std::int64_t ldkv, const float* sinks, const float* out,
                        const float* dout, std::int64_t ldout, const float* log_sum_exp, float* dq, std::int64_t lddq, float* dk,
                        float* dv, std::int64_t lddkv, float* dsinks, float* scratch) {
  const Timed timed("attention");
  if (starts.size() < 2) return;
  const std::int64_t rows = starts.back();
  const std::size_t parts = floats_of_parts(shape, rows);
  const Backward g{shape, rows,  q,  k,    v,       out,             dout,               log_sum_exp, ldq,
                   ldkv,  ldout, dq, lddq, scratch, scratch + parts, scratch + 2 * parts};
  const auto tasks = tasks_of(shape, starts);
  const auto count = static_cast<std::int64_t>(tasks.size());
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t t = 0; t < count; ++t) run(g, tasks[static_cast<std::size_t>(t)]);
  sum_groups(g, starts, g.dk_parts, dk, lddkv);
  sum_groups(g, starts, g.dv_parts, dv, lddkv);
  if (sinks && dsinks) sinks_backward(g, sinks, dsinks);
}

}  // namespace luthier::kernels
