#include "gpu/serve/sampling.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

using namespace luthier::serve;

namespace {

std::map<std::int32_t, int> draws(const std::vector<float>& logits, Sampling sampling, int count) {
  std::map<std::int32_t, int> out;
  for (int i = 0; i < count; ++i) {
    auto own = logits;
    ++out[sample(own, sampling, {}, static_cast<std::uint64_t>(i))];
  }
  return out;
}

}  // namespace

TEST_CASE("temperature 0 takes the largest logit, the lowest id of equals") {
  std::vector<float> logits{0, 3, 1, 3};
  CHECK(sample(logits, {.temperature = 0}, {}, 0) == 1);
}

TEST_CASE("tokens are drawn as often as softmax says") {
  const std::vector<float> logits{std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  const auto seen = draws(logits, {.temperature = 1, .seed = 7}, 20000);
  CHECK(seen.at(0) == Approx(10000).margin(300));
  CHECK(seen.at(1) == Approx(6000).margin(300));
  CHECK(seen.at(2) == Approx(4000).margin(300));
  const auto colder = draws(logits, {.temperature = 0.5, .seed = 7}, 20000);  // probabilities squared: 0.25, 0.09, 0.04
  CHECK(colder.at(0) == Approx(20000 * 0.25 / 0.38).margin(300));
}

TEST_CASE("top_p keeps the fewest likeliest tokens that reach it") {
  const std::vector<float> logits{std::log(0.2F), std::log(0.5F), std::log(0.3F)};
  CHECK(draws(logits, {.temperature = 1, .top_p = 0.4, .seed = 1}, 500).size() == 1);
  const auto two = draws(logits, {.temperature = 1, .top_p = 0.7, .seed = 1}, 5000);
  CHECK(two.size() == 2);
  CHECK(two.at(1) == Approx(5000 * 0.5 / 0.8).margin(200));
  CHECK(draws(logits, {.temperature = 1, .top_p = 1, .seed = 1}, 5000).size() == 3);
}

TEST_CASE("top_p over a large flat vocabulary is exact") {
  const std::vector<float> logits(1000, 0.0F);
  const auto seen = draws(logits, {.temperature = 1, .top_p = 0.3, .seed = 3}, 20000);
  CHECK(seen.size() <= 301);
  CHECK(seen.size() >= 299);
  CHECK(seen.rbegin()->first <= 300);  // equals count by id
}

TEST_CASE("top_k keeps the k likeliest") {
  const std::vector<float> logits{1, 4, 2, 3};
  const auto seen = draws(logits, {.temperature = 2, .top_k = 2, .seed = 3}, 2000);
  CHECK(seen.size() == 2);
  CHECK(seen.count(1) + seen.count(3) == 2);
}

TEST_CASE("the same seed, choice and index give the same token, another one of them gives others") {
  const std::vector<float> logits(64, 0.0F);
  const auto run = [&](std::uint64_t seed, std::uint64_t choice) {
    std::vector<std::int32_t> tokens;
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto own = logits;
      tokens.push_back(sample(own, {.temperature = 1, .seed = seed, .choice = choice}, {}, i));
    }
    return tokens;
  };
  CHECK(run(1, 0) == run(1, 0));
  CHECK(run(1, 0) != run(2, 0));
  CHECK(run(1, 0) != run(1, 1));
}

TEST_CASE("penalties lower what was generated already") {
  std::vector<float> logits{2, 1.9F, 0};
  CHECK(sample(logits, {.temperature = 0, .presence_penalty = 0.5}, {{0, 1}}, 1) == 1);
  logits = {2, 1, 0};
  CHECK(sample(logits, {.temperature = 0, .frequency_penalty = 0.6}, {{0, 1}}, 1) == 0);
  logits = {2, 1, 0};
  CHECK(sample(logits, {.temperature = 0, .frequency_penalty = 0.6}, {{0, 2}}, 2) == 1);
}

TEST_CASE("logits that are no numbers end in some token, not in a crash") {
  std::vector<float> logits(10, std::numeric_limits<float>::quiet_NaN());
  CHECK(sample(logits, {.temperature = 1, .top_p = 0.5}, {}, 0) == 0);
  std::vector<float> infinite{0, std::numeric_limits<float>::infinity(), 1};
  CHECK(sample(infinite, {.temperature = 1}, {}, 0) == 1);
}

TEST_CASE("log probabilities are those of softmax, best first") {
  const std::vector<float> logits{std::log(0.2F), std::log(0.5F), std::log(0.3F)};
  const auto found = logprobs(logits, 2, 2);
  REQUIRE(found.size() == 3);
  CHECK(found[0].token == 2);
  CHECK(found[0].logprob == Approx(std::log(0.3)).epsilon(1e-5));
  CHECK(found[1].token == 1);
  CHECK(found[2].token == 2);
}
