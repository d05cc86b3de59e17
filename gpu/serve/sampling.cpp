#include "gpu/serve/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gpu/serve/row_kernels.hpp"

namespace luthier::serve {
namespace {

// The finaliser of splitmix64: every bit of the input reaches every bit of the output.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

struct Candidate {
  double weight;  // unnormalised probability
  std::int32_t token;
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
}

std::vector<Candidate> candidates_of(std::span<const float> logits, double temperature) {
  const double max = logits[static_cast<std::size_t>(row_kernels().argmax(logits.data(), static_cast<std::int64_t>(logits.size())))];
  std::vector<Candidate> out;
  out.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((logits[i] - max) / temperature);
    if (weight > 0) out.push_back({weight, static_cast<std::int32_t>(i)});
  }
  return out;
}

// Keeps the likeliest ones whose weights reach `share` of the total, in order; at most `count`.
void keep_likeliest(std::vector<Candidate>& all, double share, std::int64_t count) {
  const double total = std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const Candidate& c) { return sum + c.weight; });
  std::size_t sorted = 0;
  double reached = 0;
  const std::size_t limit = count > 0 ? std::min<std::size_t>(all.size(), static_cast<std::size_t>(count)) : all.size();
  for (std::size_t kept = 0; kept < limit;) {
    if (kept == sorted) {  // most of the time the first few hold nearly all of the weight
      sorted = std::min(all.size(), std::max<std::size_t>(64, sorted * 4));
      std::partial_sort(all.begin() + static_cast<std::ptrdiff_t>(kept), all.begin() + static_cast<std::ptrdiff_t>(sorted),
                        all.end(), likelier);
    }
    reached += all[kept++].weight;
    if (reached >= share * total || kept == limit) {
      all.resize(kept);
      return;
    }
  }
}

}  // namespace

double uniform(std::uint64_t seed, std::uint64_t choice, std::uint64_t index) {
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;
  const std::uint64_t bits = mix(mix(mix(seed + golden) + choice * golden) + index * golden);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

std::int32_t sample(std::span<float> logits, const Sampling& sampling, const TokenCounts& generated, std::uint64_t index) {
  if (sampling.presence_penalty != 0 || sampling.frequency_penalty != 0)
    for (const auto& [token, count] : generated)
      logits[static_cast<std::size_t>(token)] -=
          static_cast<float>(sampling.presence_penalty + sampling.frequency_penalty * static_cast<double>(count));
  const auto best = static_cast<std::int32_t>(row_kernels().argmax(logits.data(), static_cast<std::int64_t>(logits.size())));
  // With logits that are no numbers there is nothing to draw from.
  if (sampling.temperature == 0 || !std::isfinite(logits[static_cast<std::size_t>(best)])) return best;
  auto candidates = candidates_of(logits, sampling.temperature);
  if (candidates.empty()) return best;
  if (sampling.top_p < 1 || sampling.top_k > 0) keep_likeliest(candidates, sampling.top_p, sampling.top_k);
  const double total = std::accumulate(candidates.begin(), candidates.end(), 0.0,
                                       [](double sum, const Candidate& c) { return sum + c.weight; });
  double left = uniform(sampling.seed, sampling.choice, index) * total;
  for (const auto& candidate : candidates)
    if ((left -= candidate.weight) < 0) return candidate.token;
  return candidates.back().token;
}

std::vector<TokenLogprob> logprobs(std::span<const float> logits, std::int32_t token, std::int64_t top) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - max);
  const double normaliser = max + std::log(sum);
  const auto of = [&](std::int32_t id) { return TokenLogprob{id, logits[static_cast<std::size_t>(id)] - normaliser}; };
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::size_t>(static_cast<std::size_t>(top), ids.size()));
  std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  std::vector<TokenLogprob> out{of(token)};
  for (std::ptrdiff_t i = 0; i < count; ++i) out.push_back(of(ids[static_cast<std::size_t>(i)]));
  return out;
}

}  // namespace luthier::serve
