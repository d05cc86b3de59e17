// AdamW with moments in bfloat16: what rounding by chance must and must not change. The plain one is judged in elementwise_test.
#include "gpu/kernels/adamw.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

float first_of(std::uint32_t moments) { return std::bit_cast<float>(moments << 16); }
float second_of(std::uint32_t moments) { return std::bit_cast<float>(moments & 0xffff0000u); }

}  // namespace

TEST_CASE("the first step with bfloat16 moments is the plain one, because the moments are rounded after it") {
  const long count = 40'003;
  auto plain = random_values(count, 1), rounded = plain;
  const auto gradient = random_values(count, 2);
  std::vector<float> m(count), v(count);
  std::vector<std::uint32_t> moments(count);
  const AdamwStep step{.step = 1, .learning_rate = 0.01, .weight_decay = 0.1, .gradient_scale = 0.5f};
  adamw(count, step, plain.data(), gradient.data(), m.data(), v.data());
  adamw_bf16(count, step, {.seed = 7}, rounded.data(), gradient.data(), moments.data());
  CHECK(largest_difference(rounded, plain) == 0);
  for (long i = 0; i < count; ++i) {
    CHECK(std::abs(first_of(moments[i]) - m[i]) <= std::abs(m[i]) / 128);  // the next bfloat16 above or below
    CHECK(std::abs(second_of(moments[i]) - v[i]) <= v[i] / 128);
  }
}

TEST_CASE("a second moment that stays near its value falls at beta2's pace on average, which rounding to nearest would stop") {
  const long count = 100'000;
  std::vector<float> weight(count), gradient(count);
  const float start = 0.7f;
  const std::uint32_t held = std::bit_cast<std::uint32_t>(start) & 0xffff0000u;
  std::vector<std::uint32_t> moments(count, held);
  for (long step = 1; step <= 20; ++step)
    adamw_bf16(count, {.step = step, .beta2 = 0.999}, {.seed = 3}, weight.data(), gradient.data(), moments.data());
  double mean = 0;
  for (const std::uint32_t pair : moments) mean += second_of(pair);
  CHECK(mean / count == Approx(std::bit_cast<float>(held) * std::pow(0.999, 20)).epsilon(2e-4));
}

TEST_CASE("rounding by chance is a function of the seed, the step and the weight's place, not of the threads") {
  const long count = 50'000;
  const auto gradient = random_values(count, 2);
  const auto after_steps = [&](std::uint64_t seed, std::uint64_t first, int threads) {
    const int before = thread_count();
    set_thread_count(threads);
    std::vector<float> weight(count);
    std::vector<std::uint32_t> moments(count);
    for (long step = 1; step <= 3; ++step)
      adamw_bf16(count, {.step = step, .learning_rate = 0.01}, {.seed = seed, .first = first}, weight.data(), gradient.data(), moments.data());
    set_thread_count(before);
    return moments;
  };
  const auto once = after_steps(1, 0, 1);
  CHECK(after_steps(1, 0, 2) == once);
  CHECK(after_steps(2, 0, 1) != once);
  CHECK(after_steps(1, 5, 1) != once);
}
