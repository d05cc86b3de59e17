// What a router means, in double and without a trick: softmax over all, the largest are chosen, their sum is divided by.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gpu/kernels/router.hpp"

namespace luthier::kernels::plain {
namespace {

std::vector<double> softmax_of(const float* logits, std::int64_t count) {
  const double top = double(*std::max_element(logits, logits + count));
  std::vector<double> p;
  for (std::int64_t e = 0; e < count; ++e) p.push_back(std::exp(double(logits[e]) - top));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= total;
  return p;
}

}  // namespace

void route(const Router& r, float* logits, std::int32_t* chosen, float* shares) {
  for (std::int64_t t = 0; t < r.tokens; ++t) {
    float* row = logits + t * r.experts;
    std::vector<std::int32_t> order(static_cast<std::size_t>(r.experts));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return row[a] > row[b]; });
    const auto p = softmax_of(row, r.experts);
    double total = 0;
    for (std::int64_t j = 0; j < r.per_token; ++j) total += p[std::size_t(order[std::size_t(j)])];
    for (std::int64_t j = 0; j < r.per_token; ++j) {
      chosen[t * r.per_token + j] = order[std::size_t(j)];
      shares[t * r.per_token + j] = float(p[std::size_t(order[std::size_t(j)])] / (r.sums_to_one ? total : 1.0));
    }
    if (!r.sums_to_one) std::copy(p.begin(), p.end(), row);
  }
}

// d share_j / d logit_e is share_j * (1 if e is the expert of j, less the softmax's share of e among those that it sums over).
void route_backward(const Router& r, const float* softmax, const std::int32_t* chosen, const float* shares, const float* dshares,
                    float* dlogits) {
  for (std::int64_t t = 0; t < r.tokens; ++t)
    for (std::int64_t e = 0; e < r.experts; ++e) {
      double of_e = r.sums_to_one ? 0.0 : double(softmax[t * r.experts + e]);
      for (std::int64_t j = 0; j < r.per_token; ++j)
        if (r.sums_to_one && chosen[t * r.per_token + j] == e) of_e = double(shares[t * r.per_token + j]);
      double total = 0;
      for (std::int64_t j = 0; j < r.per_token; ++j) {
        const double is_e = chosen[t * r.per_token + j] == e ? 1.0 : 0.0;
        total += double(dshares[t * r.per_token + j]) * double(shares[t * r.per_token + j]) * (is_e - of_e);
      }
      dlogits[t * r.experts + e] = float(total);
    }
}

}  // namespace luthier::kernels::plain
