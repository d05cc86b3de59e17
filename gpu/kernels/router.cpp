#include "gpu/kernels/router.hpp"

#include <algorithm>
#include <cmath>

#include "gpu/kernels/cross_entropy.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/profile.hpp"

namespace luthier::kernels {
namespace {

// Insertion into the few largest so far: per_token is small, and most logits fail at the first comparison.
void choose(std::int64_t experts, std::int64_t count, const float* logits, std::int32_t* chosen) {
  std::int64_t found = 0;
  for (std::int32_t e = 0; e < experts; ++e) {
    if (found == count && !(logits[e] > logits[chosen[count - 1]])) continue;
    std::int64_t at = found < count ? found++ : count - 1;
    for (; at > 0 && logits[e] > logits[chosen[at - 1]]; --at) chosen[at] = chosen[at - 1];
    chosen[at] = e;
  }
}

}  // namespace

void route(const Router& r, float* logits, std::int32_t* chosen, float* shares) {
  const Timed timed("router");
#pragma omp parallel for schedule(static) if (r.tokens > 16)
  for (std::int64_t t = 0; t < r.tokens; ++t) {
    float *row = logits + t * r.experts, *out = shares + t * r.per_token;
    std::int32_t* which = chosen + t * r.per_token;
    choose(r.experts, r.per_token, row, which);
    if (!r.sums_to_one) softmax(r.experts, row);
    for (std::int64_t j = 0; j < r.per_token; ++j) out[j] = row[which[j]];
    if (r.sums_to_one) softmax(r.per_token, out);
  }
}

void route_backward(const Router& r, const float* all, const std::int32_t* chosen, const float* shares, const float* dshares,
                    float* dlogits) {
  const Timed timed("router");
#pragma omp parallel for schedule(static) if (r.tokens > 16)
  for (std::int64_t t = 0; t < r.tokens; ++t) {
    const std::int64_t first = t * r.per_token;
    float* row = dlogits + t * r.experts;
    float pull = 0;
    for (std::int64_t j = first; j < first + r.per_token; ++j) pull += dshares[j] * shares[j];
    std::fill(row, row + r.experts, 0.0f);
    if (!r.sums_to_one)
      for (std::int64_t e = 0; e < r.experts; ++e) row[e] = -all[t * r.experts + e] * pull;
    for (std::int64_t j = first; j < first + r.per_token; ++j)
      row[chosen[j]] += r.sums_to_one ? shares[j] * (dshares[j] - pull) : shares[j] * dshares[j];
  }
}

void sort_by_expert(const Router& r, const std::int32_t* chosen, std::int32_t* first_row, std::int32_t* row_of,
                    std::int32_t* token_of) {
  const Timed timed("router");
  std::fill(first_row, first_row + r.experts + 1, 0);
  for (std::int64_t i = 0; i < r.rows(); ++i) ++first_row[chosen[i] + 1];
  for (std::int64_t e = 0; e < r.experts; ++e) first_row[e + 1] += first_row[e];
  // Each first row moves on while its expert's rows are handed out, and then stands where the next expert's began.
  for (std::int64_t i = 0; i < r.rows(); ++i) {
    row_of[i] = first_row[chosen[i]]++;
    token_of[row_of[i]] = static_cast<std::int32_t>(i / r.per_token);
  }
  for (std::int64_t e = r.experts; e > 0; --e) first_row[e] = first_row[e - 1];
  first_row[0] = 0;
}

}  // namespace luthier::kernels
