#include "gpu/kernels/attention.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <vector>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/simd.hpp"
#include "gpu/kernels/small_gemm.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

constexpr std::int64_t key_block = 64;
constexpr std::int64_t query_block = 128;          // forward: a block of keys is turned once for this many queries
constexpr std::int64_t backward_query_block = 64;
constexpr float lowest = -3.0e38f;

using std::max;
using std::min;

// Of the keys [key, key + count) a query's row sees those from `from` up to before `to`; none when the two meet.
struct Seen {
  std::int64_t from, to;
};

Seen seen_by(const AttentionShape& shape, std::int64_t row, std::int64_t key, std::int64_t count) {
  if (shape.all) return {0, count};
  const std::int64_t to = max(min(count, row + 1 - key), std::int64_t{0});
  return {shape.window > 0 ? min(max(row + 1 - shape.window - key, std::int64_t{0}), to) : 0, to};
}

// Buffers of one thread, kept between calls so that a step allocates nothing.
struct Buffers {
  std::vector<float> keys_turned, values_turned, scores, score_gradients, slopes, sums;

  void reserve(std::int64_t head_dim) {
    const auto turned = static_cast<std::size_t>(head_dim * key_block);
    if (keys_turned.size() >= turned) return;
    keys_turned.resize(turned);
    values_turned.resize(turned);
    scores.resize(query_block * key_block);
    score_gradients.resize(query_block * key_block);
    slopes.resize(query_block * key_block);
    sums.resize(static_cast<std::size_t>(query_block * head_dim));
  }
};

Buffers& buffers_of_this_thread(std::int64_t head_dim) {
  thread_local Buffers buffers;
  buffers.reserve(head_dim);
  return buffers;
}

// out[d][r] = in[r][d], out with leading dimension key_block; columns beyond `rows` are zeroed.
LUTHIER_CLONES void turn(std::int64_t rows, std::int64_t head_dim, const float* in, std::int64_t ld, float* out) {
  for (std::int64_t r0 = 0; r0 < key_block; r0 += 16)
    for (std::int64_t d = 0; d < head_dim; ++d)
      for (std::int64_t r = r0; r < r0 + 16; ++r) out[d * key_block + r] = r < rows ? in[r * ld + d] : 0.0f;
}

LUTHIER_CLONES float max_of(std::int64_t count, const float* x) {
  F16 best = splat(lowest);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) best = simd::max(best, load<F16>(x + i));
  if (i < count) best = simd::max(best, load_part(x + i, count - i, lowest));
  return simd::max(best);
}

// x = e^(x * scale - top) for the first `count` of key_block scores, 0 for the rest; returns the sum.
LUTHIER_CLONES float exp_scores(std::int64_t count, float scale, float top, float* x) {
  F16 total{};
  for (std::int64_t i = 0; i < key_block; i += 16) {
    F16 p{};
    if (i + 16 <= count) {
      p = simd::exp(load<F16>(x + i) * scale - top);
    } else if (i < count) {
      p = simd::exp(load_part(x + i, count - i) * scale - top);
      float lanes[16];
      store(lanes, p);
      p = load_part(lanes, count - i);
    }
    total += p;
    store(x + i, p);
  }
  return sum(total);
}

// x = cap * tanh(x * scale / cap) for key_block scores; slopes, where wanted: of tanh.
LUTHIER_CLONES void cap_scores(float scale, float cap, float* x, float* slopes) {
  for (std::int64_t i = 0; i < key_block; i += 16) {
    const F16 t = simd::tanh(load<F16>(x + i) * (scale / cap));
    store(x + i, t * cap);
    if (slopes) store(slopes + i, 1.0f - t * t);
  }
}

LUTHIER_CLONES void multiply_row(const float* by, float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < key_block; ++i) x[i] *= by[i];
}

LUTHIER_CLONES void scale_row(std::int64_t count, float by, float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) x[i] *= by;
}

LUTHIER_CLONES float dot(std::int64_t count, const float* x, const float* y) {
  F16 total{};
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) total += load<F16>(x + i) * load<F16>(y + i);
  if (i < count) total += load_part(x + i, count - i) * load_part(y + i, count - i);
  return sum(total);
}

// Gradient of the scores before scaling: p * (dp - d) * scale, in place of dp.
LUTHIER_CLONES void score_gradient_row(const float* p, float d, float scale, float* dp) {
#pragma omp simd
  for (std::int64_t i = 0; i < key_block; ++i) dp[i] = p[i] * (dp[i] - d) * scale;
}

struct Task {
  std::int32_t begin, end;  // rows of the sequence
  std::int32_t first_query;
  std::int32_t head;
};

// Long blocks first: the threads then end at nearly the same time.
std::vector<Task> forward_tasks(const AttentionShape& shape, std::span<const std::int32_t> starts) {
  std::vector<Task> tasks;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s)
    for (std::int64_t h = 0; h < shape.heads; ++h)
      for (std::int32_t q = starts[s]; q < starts[s + 1]; q += query_block)
        tasks.push_back({starts[s], starts[s + 1], q, static_cast<std::int32_t>(h)});
  return tasks;
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

// Online softmax: `tops` and `totals` belong to the keys seen so far, `sums` is rescaled when a larger score appears.
void softmax_block(const AttentionShape& shape, std::int64_t queries, std::int64_t first_query, std::int64_t first_key,
                   std::int64_t keys, float* scores, float* tops, float* totals, float* sums) {
  const float scale = shape.softcap > 0 ? 1.0f : shape.scale;
  for (std::int64_t i = 0; i < queries; ++i) {
    float* row = scores + i * key_block;
    const Seen seen = seen_by(shape, first_query + i, first_key, keys);
    if (seen.from == seen.to) {
      std::memset(row, 0, key_block * sizeof(float));
      continue;
    }
    if (shape.softcap > 0) cap_scores(shape.scale, shape.softcap, row, nullptr);
    std::fill(row, row + seen.from, lowest);  // whose exponential is 0
    const float top = max(tops[i], max_of(seen.to, row) * scale);
    const float correction = totals[i] == 0.0f ? 0.0f : std::exp(tops[i] - top);
    totals[i] = totals[i] * correction + exp_scores(seen.to, scale, top, row);
    if (correction != 1.0f) scale_row(shape.head_dim, correction, sums + i * shape.head_dim);
    tops[i] = top;
  }
}

void forward_task(const Forward& f, const Task& task) {
  const std::int64_t dim = f.shape.head_dim;
  const std::int64_t kv_head = task.head / (f.shape.heads / f.shape.kv_heads);
  const std::int64_t queries = min<std::int64_t>(query_block, task.end - task.first_query);
  Buffers& b = buffers_of_this_thread(dim);
  // A sink is a key that is seen first and has no value.
  float tops[query_block], totals[query_block];
  std::fill(tops, tops + query_block, f.sinks ? f.sinks[task.head] : lowest);
  std::fill(totals, totals + query_block, f.sinks ? 1.0f : 0.0f);
  std::memset(b.sums.data(), 0, static_cast<std::size_t>(queries * dim) * sizeof(float));

  const float* q = f.q + task.first_query * f.ldq + task.head * dim;
  // Blocks that no query of this task sees are never looked at.
  const std::int64_t last_key = f.shape.all ? task.end : task.first_query + queries;
  const bool windowed = f.shape.window > 0 && !f.shape.all;
  const std::int64_t first_key = windowed ? max<std::int64_t>(task.begin, task.first_query + 1 - f.shape.window) : task.begin;
  for (std::int64_t key = first_key; key < last_key; key += key_block) {
    const std::int64_t keys = min(key_block, last_key - key);
    turn(keys, dim, f.k + key * f.ldkv + kv_head * dim, f.ldkv, b.keys_turned.data());
    small_gemm(queries, key_block, dim, q, f.ldq, 1, b.keys_turned.data(), key_block, b.scores.data(), key_block, false);
    softmax_block(f.shape, queries, task.first_query, key, keys, b.scores.data(), tops, totals, b.sums.data());
    small_gemm(queries, dim, keys, b.scores.data(), key_block, 1, f.v + key * f.ldkv + kv_head * dim, f.ldkv,
               b.sums.data(), dim, true);
  }
  for (std::int64_t i = 0; i < queries; ++i) {
    const std::int64_t row = task.first_query + i;
    scale_row(dim, 1.0f / totals[i], b.sums.data() + i * dim);
    std::memcpy(f.out + row * f.ldout + task.head * dim, b.sums.data() + i * dim, static_cast<std::size_t>(dim) * sizeof(float));
    if (f.log_sum_exp) f.log_sum_exp[task.head * f.rows + row] = tops[i] + std::log(totals[i]);
  }
}

struct Backward {
  const AttentionShape& shape;
  std::int64_t rows;
  const float *q, *k, *v, *out, *dout, *log_sum_exp;
  std::int64_t ldq, ldkv, ldout;
  float* dq;
  std::int64_t lddq;
  float *dk_of_head, *dv_of_head;  // [rows, heads * head_dim]: summed over a group of heads afterwards
  float* row_dots;                 // [heads, rows]: dout . out
};

// One block of keys against one block of queries: recomputes the probabilities and adds to all three gradients.
void backward_block(const Backward& g, const Task& task, std::int64_t key, std::int64_t keys, std::int64_t query,
                    std::int64_t queries, Buffers& b) {
  const std::int64_t dim = g.shape.head_dim;
  const std::int64_t kv_head = task.head / (g.shape.heads / g.shape.kv_heads);
  const std::int64_t ld_heads = g.shape.heads * dim;
  const float* q = g.q + query * g.ldq + task.head * dim;
  const float* dout = g.dout + query * g.ldout + task.head * dim;
  float* p = b.scores.data();
  float* dp = b.score_gradients.data();
  small_gemm(queries, key_block, dim, q, g.ldq, 1, b.keys_turned.data(), key_block, p, key_block, false);
  small_gemm(queries, key_block, dim, dout, g.ldout, 1, b.values_turned.data(), key_block, dp, key_block, false);
  const bool capped = g.shape.softcap > 0;
  for (std::int64_t i = 0; i < queries; ++i) {
    const std::int64_t at = task.head * g.rows + query + i;
    const Seen seen = seen_by(g.shape, query + i, key, keys);
    float* row = p + i * key_block;
    if (capped) cap_scores(g.shape.scale, g.shape.softcap, row, b.slopes.data());
    if (seen.from == seen.to) {
      std::memset(row, 0, key_block * sizeof(float));
    } else {
      exp_scores(seen.to, capped ? 1.0f : g.shape.scale, g.log_sum_exp[at], row);
      std::fill(row, row + seen.from, 0.0f);
    }
    score_gradient_row(row, g.row_dots[at], g.shape.scale, dp + i * key_block);
    if (capped) multiply_row(b.slopes.data(), dp + i * key_block);
  }
  const std::int64_t to_head = key * ld_heads + task.head * dim;
  small_gemm(keys, dim, queries, p, 1, key_block, dout, g.ldout, g.dv_of_head + to_head, ld_heads, true);
  small_gemm(keys, dim, queries, dp, 1, key_block, q, g.ldq, g.dk_of_head + to_head, ld_heads, true);
  small_gemm(queries, dim, keys, dp, key_block, 1, g.k + key * g.ldkv + kv_head * dim, g.ldkv,
             g.dq + query * g.lddq + task.head * dim, g.lddq, true);
}

void zero_columns(std::int64_t begin, std::int64_t end, std::int64_t width, float* x, std::int64_t ld) {
  for (std::int64_t r = begin; r < end; ++r) std::memset(x + r * ld, 0, static_cast<std::size_t>(width) * sizeof(float));
}

// A whole sequence of one head: its dq, and its share of dk and dv.
void backward_task(const Backward& g, const Task& task) {
  const std::int64_t dim = g.shape.head_dim;
  const std::int64_t kv_head = task.head / (g.shape.heads / g.shape.kv_heads);
  const std::int64_t ld_heads = g.shape.heads * dim;
  Buffers& b = buffers_of_this_thread(dim);
  zero_columns(task.begin, task.end, dim, g.dq + task.head * dim, g.lddq);
  zero_columns(task.begin, task.end, dim, g.dk_of_head + task.head * dim, ld_heads);
  zero_columns(task.begin, task.end, dim, g.dv_of_head + task.head * dim, ld_heads);
  for (std::int64_t r = task.begin; r < task.end; ++r)
    g.row_dots[task.head * g.rows + r] =
        dot(dim, g.dout + r * g.ldout + task.head * dim, g.out + r * g.ldout + task.head * dim);
  for (std::int64_t key = task.begin; key < task.end; key += key_block) {
    const std::int64_t keys = min<std::int64_t>(key_block, task.end - key);
    turn(keys, dim, g.k + key * g.ldkv + kv_head * dim, g.ldkv, b.keys_turned.data());
    turn(keys, dim, g.v + key * g.ldkv + kv_head * dim, g.ldkv, b.values_turned.data());
    const std::int64_t first = g.shape.all ? task.begin : key;
    const bool windowed = g.shape.window > 0 && !g.shape.all;
    const std::int64_t end = windowed ? min<std::int64_t>(task.end, key + keys - 1 + g.shape.window) : task.end;
    for (std::int64_t query = first; query < end; query += backward_query_block)
      backward_block(g, task, key, keys, query, min(backward_query_block, end - query), b);
  }
}

LUTHIER_CLONES void sum_group_row(std::int64_t group, std::int64_t dim, const float* of_heads, float* out) {
  for (std::int64_t d = 0; d < dim; ++d) out[d] = of_heads[d];
  for (std::int64_t h = 1; h < group; ++h) {
#pragma omp simd
    for (std::int64_t d = 0; d < dim; ++d) out[d] += of_heads[h * dim + d];
  }
}

// Heads of a group share one head of keys and values; theirs is the sum of the gradients, in the heads' order.
void sum_groups(const AttentionShape& shape, std::int64_t rows, const float* of_heads, float* out, std::int64_t ldout) {
  const std::int64_t group = shape.heads / shape.kv_heads;
#pragma omp parallel for schedule(static) if (rows > 16)
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t h = 0; h < shape.kv_heads; ++h)
      sum_group_row(group, shape.head_dim, of_heads + (r * shape.heads + h * group) * shape.head_dim,
                    out + r * ldout + h * shape.head_dim);
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

}  // namespace

void attention_forward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                       const float* k, const float* v, std::int64_t ldkv, const float* sinks, float* out, std::int64_t ldout,
                       float* log_sum_exp) {
  const Timed timed("attention");
  assert(shape.heads % shape.kv_heads == 0 && shape.head_dim <= attention_head_dim_max);
  if (starts.size() < 2) return;
  const Forward f{shape, starts.back(), q, k, v, ldq, ldkv, sinks, out, ldout, log_sum_exp};
  const auto tasks = forward_tasks(shape, starts);
  const auto count = static_cast<std::int64_t>(tasks.size());
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t t = count - 1; t >= 0; --t) forward_task(f, tasks[static_cast<std::size_t>(t)]);
}

std::size_t attention_backward_scratch(const AttentionShape& shape, std::int64_t rows) {
  return static_cast<std::size_t>(rows * shape.heads * (2 * shape.head_dim + 1));
}

void attention_backward(const AttentionShape& shape, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                        const float* k, const float* v, std::int64_t ldkv, const float* sinks, const float* out,
                        const float* dout, std::int64_t ldout, const float* log_sum_exp, float* dq, std::int64_t lddq, float* dk,
                        float* dv, std::int64_t lddkv, float* dsinks, float* scratch) {
  const Timed timed("attention");
  if (starts.size() < 2) return;
  const std::int64_t rows = starts.back();
  const std::int64_t of_heads = rows * shape.heads * shape.head_dim;
  const Backward g{shape, rows,  q,    k,       v,           out,       dout, log_sum_exp, ldq,
                   ldkv,  ldout, dq,   lddq,    scratch,     scratch + of_heads, scratch + 2 * of_heads};
  std::vector<Task> tasks;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s)
    for (std::int64_t h = 0; h < shape.heads; ++h)
      if (starts[s] < starts[s + 1]) tasks.push_back({starts[s], starts[s + 1], 0, static_cast<std::int32_t>(h)});
  const auto count = static_cast<std::int64_t>(tasks.size());
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t t = 0; t < count; ++t) backward_task(g, tasks[static_cast<std::size_t>(t)]);
  sum_groups(shape, rows, g.dk_of_head, dk, lddkv);
  sum_groups(shape, rows, g.dv_of_head, dv, lddkv);
  if (sinks && dsinks) sinks_backward(g, sinks, dsinks);
}

}  // namespace luthier::kernels
