// The small ones: embedding rows, bias, sums, AdamW, random numbers.
#include <catch2/catch.hpp>
#include <set>

#include "gpu/kernels/adamw.hpp"
#include "gpu/kernels/bfloat16.hpp"
#include "gpu/kernels/bias.hpp"
#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/kernels/soft_cap.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

TEST_CASE("rows are picked by id and their gradients added back, repeated ids too") {
  const long width = 70, rows = 40, table_rows = 9;
  const auto table = random_values(table_rows * width, 1), values = random_values(rows * width, 2);
  std::vector<std::int32_t> ids;
  for (long r = 0; r < rows; ++r) ids.push_back(std::int32_t((r * r) % table_rows));
  std::vector<float> out(rows * width), expected_out(rows * width);
  auto into = table, expected_into = table;
  for (long r = 0; r < rows; ++r)
    for (long i = 0; i < width; ++i) {
      expected_out[r * width + i] = table[ids[r] * width + i];
      expected_into[ids[r] * width + i] += values[r * width + i];
    }
  gather_rows(rows, width, table.data(), ids.data(), out.data());
  scatter_add_rows(rows, width, values.data(), ids.data(), into.data());
  CHECK(out == expected_out);
  CHECK(into == expected_into);
}

TEST_CASE("no gradient is added back to the row of an id that is skipped") {
  const std::vector<float> values{1, 2, 3};
  const std::vector<std::int32_t> ids{0, 2, 0};
  std::vector<float> table(3);
  scatter_add_rows(3, 1, values.data(), ids.data(), table.data(), 0);
  CHECK(table == std::vector<float>{0, 0, 2});
}

TEST_CASE("rows are added, scaled and multiplied with one another where an expert needs it") {
  const long width = 70, rows = 40;
  const auto table = random_values(rows * width, 1), values = random_values(rows * width, 2), scales = random_values(rows, 3);
  std::vector<std::int32_t> ids;
  for (long r = 0; r < rows; ++r) ids.push_back(std::int32_t((r * 7) % rows));
  auto gathered = values, scattered = table, added = table, scaled = values;
  std::vector<float> dots(rows), expected_gathered = values, expected_scattered = table, expected_added = table, expected_scaled = values,
                                 expected_dots(rows);
  for (long r = 0; r < rows; ++r) {
    double total = 0;
    for (long i = 0; i < width; ++i) {
      expected_gathered[r * width + i] += table[ids[r] * width + i];
      expected_scattered[ids[r] * width + i] += scales[r] * values[r * width + i];
      expected_added[ids[r] * width + i] += values[r * width + i];
      expected_scaled[r * width + i] *= scales[r];
      total += double(values[r * width + i]) * table[r * width + i];
    }
    expected_dots[r] = float(total);
  }
  add_gathered_rows(rows, width, table.data(), ids.data(), gathered.data());
  scatter_add_distinct_rows(rows, width, values.data(), ids.data(), scales.data(), scattered.data());
  scatter_add_distinct_rows(rows, width, values.data(), ids.data(), nullptr, added.data());
  scale_rows(rows, width, scales.data(), scaled.data());
  dot_rows(rows, width, values.data(), table.data(), dots.data());
  CHECK(gathered == expected_gathered);
  CHECK(largest_difference(scattered, expected_scattered) < 1e-6);
  CHECK(added == expected_added);
  CHECK(scaled == expected_scaled);
  CHECK(largest_difference(dots, expected_dots) < 1e-6);
}

TEST_CASE("a soft cap keeps values within it, and its slopes are the change of its values") {
  std::vector<float> x{0, 1e-3f, -0.5f, 3, -20, 100, 1e6f, 0.7f};
  for (long i = 0; i < 40; ++i) x.push_back(float(i) - 20);
  auto capped = x;
  std::vector<float> slopes(x.size()), expected, expected_slopes;
  for (const float v : x) {
    const double t = std::tanh(double(v) / 30);
    expected.push_back(float(30 * t));
    expected_slopes.push_back(float(1 - t * t));
  }
  soft_cap(std::int64_t(x.size()), 30, capped.data(), slopes.data());
  CHECK(largest_difference(capped, expected) < 2e-7);
  CHECK(largest_difference(slopes, expected_slopes) < 5e-7);
  CHECK(capped[1] == Approx(1e-3).epsilon(1e-6));
  soft_cap(std::int64_t(x.size()), 30, x.data(), nullptr);
  CHECK(x == capped);
}

TEST_CASE("a bias is added to every row, and its gradient is the sum of the rows") {
  const long rows = 30, width = 100, ld = 103;
  const auto bias = random_values(width, 1);
  const auto before = random_values(rows * ld, 2);
  auto y = before, expected = before;
  std::vector<float> gradient(width), expected_gradient(width);
  for (long r = 0; r < rows; ++r)
    for (long i = 0; i < width; ++i) {
      expected[r * ld + i] += bias[i];
      expected_gradient[i] += before[r * ld + i];
    }
  add_bias(rows, width, bias.data(), y.data(), ld);
  bias_backward(rows, width, before.data(), ld, gradient.data());
  CHECK(y == expected);
  CHECK(gradient == expected_gradient);
}

TEST_CASE("sums of squares are exact in double and the same for every number of threads") {
  const auto values = random_values(100003, 1);
  double expected = 0;
  for (const float v : values) expected += double(v) * v;
  const int threads = thread_count();
  set_thread_count(1);
  const double alone = sum_of_squares(100003, values.data());
  set_thread_count(3);
  const double three = sum_of_squares(100003, values.data());
  set_thread_count(threads);
  CHECK(alone == Approx(expected).epsilon(1e-12));
  CHECK(alone == three);
  CHECK(sum_of_squares(0, nullptr) == 0);
}

TEST_CASE("a value that is no number is noticed wherever it stands") {
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), std::nanf("")})
    for (const std::size_t at : {0, 4095, 20000, 20002}) {
      auto values = random_values(20003, 1);
      CHECK(all_finite(20003, values.data()));
      values[at] = bad;
      CHECK_FALSE(all_finite(20003, values.data()));
    }
}

TEST_CASE("AdamW takes the steps of its definition") {
  const long count = 50;
  auto weight = random_values(count, 1), m = std::vector<float>(count), v = std::vector<float>(count);
  std::vector<double> w64(weight.begin(), weight.end()), m64(count), v64(count);
  for (long step = 1; step <= 5; ++step) {
    const auto gradient = random_values(count, 10 + step);
    const AdamwStep settings{.step = step, .learning_rate = 0.01, .weight_decay = 0.1, .gradient_scale = 0.5f};
    adamw(count, settings, weight.data(), gradient.data(), m.data(), v.data());
    for (long i = 0; i < count; ++i) {
      const double g = 0.5 * gradient[i];
      w64[i] *= 1 - 0.01 * 0.1;
      m64[i] = 0.9 * m64[i] + 0.1 * g;
      v64[i] = 0.999 * v64[i] + 0.001 * g * g;
      w64[i] -= 0.01 * (m64[i] / (1 - std::pow(0.9, step))) / (std::sqrt(v64[i] / (1 - std::pow(0.999, step))) + 1e-8);
    }
  }
  CHECK(largest_difference(weight, {w64.begin(), w64.end()}) < 1e-6);
}

TEST_CASE("Philox gives the published values") {
  // The known answers of the authors' reference (kat_vectors, philox4x32 10 rounds): zeros, and ones.
  CHECK(random_block(0, 0, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(random_block(ones, ones, ones) == std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
}

TEST_CASE("uniform values fill their range, and streams differ") {
  const auto values = random_values(10000, 7, -2, 2);
  double mean = 0;
  for (const float v : values) {
    CHECK((v >= -2 && v < 2));
    mean += v / 10000;
  }
  CHECK(std::abs(mean) < 0.05);
  std::vector<float> other(10000);
  fill_uniform(10000, 7, 1, -2, 2, other.data());
  CHECK(other != values);
}

TEST_CASE("dropout keeps the expected share, scaled, and repeats its choice") {
  const std::vector<float> ones(100000, 1.0f);
  std::vector<float> once(ones.size()), again(ones.size()), other(ones.size());
  dropout(100000, 0.25, 3, 5, ones.data(), once.data());
  dropout(100000, 0.25, 3, 5, ones.data(), again.data());
  dropout(100000, 0.25, 3, 6, ones.data(), other.data());
  CHECK(once == again);
  CHECK(once != other);
  CHECK(std::set<float>(once.begin(), once.end()) == std::set<float>{0.0f, float(1 / 0.75)});
  CHECK(double(std::count(once.begin(), once.end(), 0.0f)) == Approx(25000).epsilon(0.03));
}

TEST_CASE("rounding to bfloat16 takes the nearest, and the even one of two") {
  const std::vector<float> x{1.0f, 1.0f + 0x1p-9f, 1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f, -1.0f - 0x1.2p-8f, 3.4e38f,
                             std::numeric_limits<float>::infinity()};
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> expected{1.0f, 1.0f, 1.0f, 1.0f + 0x1p-6f, -1.0f - 0x1p-7f, infinity, infinity};
  std::vector<float> y(x.size());
  round_to_bfloat16(std::int64_t(x.size()), x.data(), y.data());
  CHECK(y == expected);
  float nan = std::nanf("");
  round_to_bfloat16(1, &nan, &nan);
  CHECK(std::isnan(nan));
}
