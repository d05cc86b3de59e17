// From logits to the next token. A request's tokens depend on its own parameters, seed and logits alone: the random
// number of a token is a function of the seed, the choice and the token's index, not of what was drawn before.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace luthier::serve {

struct Sampling {
  double temperature = 1.0;  // 0: greedy, the lowest id of equals
  double top_p = 1.0;        // in (0, 1]
  std::int64_t top_k = 0;    // 0: all
  double presence_penalty = 0.0, frequency_penalty = 0.0;  // over the tokens generated so far
  std::uint64_t seed = 0;
  std::uint64_t choice = 0;  // of n
};

using TokenCounts = std::map<std::int32_t, std::int64_t>;

// Uniform in [0, 1).
double uniform(std::uint64_t seed, std::uint64_t choice, std::uint64_t index);

// `index`: how many tokens were generated before this one. Changes `logits` (penalties).
std::int32_t sample(std::span<float> logits, const Sampling& sampling, const TokenCounts& generated, std::uint64_t index);

struct TokenLogprob {
  std::int32_t token = 0;
  double logprob = 0;
};

// log softmax of `token`, then of the `top` likeliest, best first, of the model's own logits.
std::vector<TokenLogprob> logprobs(std::span<const float> logits, std::int32_t token, std::int64_t top);

}  // namespace luthier::serve
