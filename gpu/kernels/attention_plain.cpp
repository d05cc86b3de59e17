// What attention means: row by row, with all scores of the row at hand, in double.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gpu/kernels/attention.hpp"

namespace luthier::kernels::plain {
namespace {

struct Row {
  std::int64_t head, kv_head, row, first, end;  // it sees the rows [first, end)
};

// The probabilities of a row, the slopes of its soft-capped scores, and the sink's share.
struct Shares {
  std::vector<double> p, slope;
  double sink = 0, log_sum_exp = 0;
};

template <class Visit>
void for_each_row(const AttentionShape& s, std::span<const std::int32_t> starts, Visit visit) {
  for (std::size_t n = 0; n + 1 < starts.size(); ++n)
    for (std::int64_t h = 0; h < s.heads; ++h)
      for (std::int64_t i = starts[n]; i < starts[n + 1]; ++i) {
        const std::int64_t begin = starts[n];
        const std::int64_t first = s.all || s.window == 0 ? begin : std::max(begin, i + 1 - s.window);
        visit(Row{h, h / (s.heads / s.kv_heads), i, first, s.all ? starts[n + 1] : i + 1});
      }
}

double dot(std::int64_t count, const float* x, const float* y) {
  double total = 0;
  for (std::int64_t i = 0; i < count; ++i) total += double(x[i]) * double(y[i]);
  return total;
}

Shares shares_of(const AttentionShape& s, const Row& at, const float* q, std::int64_t ldq, const float* k, std::int64_t ldkv,
                 const float* sinks) {
  Shares out;
  double top = sinks ? double(sinks[at.head]) : -1e300;
  for (std::int64_t j = at.first; j < at.end; ++j) {
    double score = double(s.scale) * dot(s.head_dim, q + at.row * ldq + at.head * s.head_dim, k + j * ldkv + at.kv_head * s.head_dim);
    const double cap = double(s.softcap), turned = cap > 0 ? std::tanh(score / cap) : 0;
    if (cap > 0) score = cap * turned;
    out.slope.push_back(1 - turned * turned);
    out.p.push_back(score);
    top = std::max(top, score);
  }
  double total = sinks ? std::exp(double(sinks[at.head]) - top) : 0;
  out.sink = total;
  for (double& p : out.p) total += p = std::exp(p - top);
  for (double& p : out.p) p /= total;
  out.sink /= total;
  out.log_sum_exp = top + std::log(total);
  return out;
}

void zero(std::int64_t rows, std::int64_t width, float* x, std::int64_t ld) {
  for (std::int64_t r = 0; r < rows; ++r) std::fill(x + r * ld, x + r * ld + width, 0.0f);
}

void add(std::int64_t count, double by, const float* x, float* y) {
  for (std::int64_t i = 0; i < count; ++i) y[i] += float(by * double(x[i]));
}

}  // namespace

void attention_forward(const AttentionShape& s, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                       const float* k, const float* v, std::int64_t ldkv, const float* sinks, float* out, std::int64_t ldout,
                       float* log_sum_exp) {
  for_each_row(s, starts, [&](const Row& at) {
    const Shares shares = shares_of(s, at, q, ldq, k, ldkv, sinks);
    std::vector<double> sum(static_cast<std::size_t>(s.head_dim));
    for (std::int64_t j = at.first; j < at.end; ++j)
      for (std::int64_t d = 0; d < s.head_dim; ++d)
        sum[std::size_t(d)] += shares.p[std::size_t(j - at.first)] * double(v[j * ldkv + at.kv_head * s.head_dim + d]);
    for (std::int64_t d = 0; d < s.head_dim; ++d) out[at.row * ldout + at.head * s.head_dim + d] = float(sum[std::size_t(d)]);
    if (log_sum_exp) log_sum_exp[at.head * starts.back() + at.row] = float(shares.log_sum_exp);
  });
}

void attention_backward(const AttentionShape& s, std::span<const std::int32_t> starts, const float* q, std::int64_t ldq,
                        const float* k, const float* v, std::int64_t ldkv, const float* sinks, const float* dout,
                        std::int64_t ldout, float* dq, std::int64_t lddq, float* dk, float* dv, std::int64_t lddkv, float* dsinks) {
  if (starts.empty()) return;
  const std::int64_t dim = s.head_dim;
  zero(starts.back(), s.heads * dim, dq, lddq);
  zero(starts.back(), s.kv_heads * dim, dk, lddkv);
  zero(starts.back(), s.kv_heads * dim, dv, lddkv);
  for_each_row(s, starts, [&](const Row& at) {
    const Shares shares = shares_of(s, at, q, ldq, k, ldkv, sinks);
    const float* d = dout + at.row * ldout + at.head * dim;
    std::vector<double> dp;
    double pull = 0;
    for (std::int64_t j = at.first; j < at.end; ++j) {
      dp.push_back(dot(dim, d, v + j * ldkv + at.kv_head * dim));
      pull += shares.p[std::size_t(j - at.first)] * dp.back();
    }
    for (std::int64_t j = at.first; j < at.end; ++j) {
      const std::size_t n = std::size_t(j - at.first);
      const double ds = shares.p[n] * (dp[n] - pull) * double(s.scale) * shares.slope[n];
      add(dim, shares.p[n], d, dv + j * lddkv + at.kv_head * dim);
      add(dim, ds, q + at.row * ldq + at.head * dim, dk + j * lddkv + at.kv_head * dim);
      add(dim, ds, k + j * ldkv + at.kv_head * dim, dq + at.row * lddq + at.head * dim);
    }
    if (dsinks) dsinks[at.head] -= float(shares.sink * pull);
  });
}

}  // namespace luthier::kernels::plain
