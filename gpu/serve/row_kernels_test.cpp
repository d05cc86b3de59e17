#include "gpu/serve/row_kernels.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gpu/serve/panels.hpp"

using namespace luthier::serve;

namespace {

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values(0, 1);
  std::vector<float> out(count);
  for (float& value : out) value = values(random);
  return out;
}

std::vector<const RowKernels*> all_kernels() {
  std::vector<const RowKernels*> out;
  for (const char* name : {"portable", "avx2", "avx512"})
    if (const auto* kernels = row_kernels(name)) out.push_back(kernels);
  return out;
}

}  // namespace

TEST_CASE("a row's product is the plain sum, for every number of rows and both widths") {
  const std::int64_t depth = 77;
  for (const auto* kernels : all_kernels())
    for (const int width : {16, 32})
      for (const std::int64_t rows : {1, 2, 3, 7, 12, 13, 25}) {
        const std::int64_t a_stride = row_stride(depth), c_stride = width + 8;
        const auto a = random_values(static_cast<std::size_t>(rows * a_stride), 1);
        const auto b = random_values(static_cast<std::size_t>(depth * width), 2);
        auto c = random_values(static_cast<std::size_t>(rows * c_stride), 3);
        const auto before = c;
        kernels->multiply(a.data(), a_stride, rows, b.data(), width, depth, width, 0.5F, true, c.data(), c_stride);
        for (std::int64_t m = 0; m < rows; ++m)
          for (std::int64_t j = 0; j < width; ++j) {
            double sum = 0;
            for (std::int64_t i = 0; i < depth; ++i) sum += double{a[static_cast<std::size_t>(m * a_stride + i)]} * b[static_cast<std::size_t>(i * width + j)];
            const auto at = static_cast<std::size_t>(m * c_stride + j);
            CHECK(c[at] == Approx(before[at] + 0.5 * sum).margin(1e-4));
          }
        for (std::int64_t m = 0; m < rows; ++m)  // nothing beside the result is touched
          for (std::int64_t j = width; j < c_stride; ++j) CHECK(c[static_cast<std::size_t>(m * c_stride + j)] == before[static_cast<std::size_t>(m * c_stride + j)]);
      }
}

TEST_CASE("a row's product is bit for bit the same alone and among others") {
  const std::int64_t depth = 576, rows = 40, stride = row_stride(depth);
  const auto a = random_values(static_cast<std::size_t>(rows * stride), 4);
  const auto b = random_values(static_cast<std::size_t>(depth * 32), 5);
  for (const auto* kernels : all_kernels()) {
    std::vector<float> together(static_cast<std::size_t>(rows * 32));
    kernels->multiply(a.data(), stride, rows, b.data(), 32, depth, 32, 1, false, together.data(), 32);
    for (std::int64_t m = 0; m < rows; ++m) {
      std::vector<float> alone(32);
      kernels->multiply(a.data() + m * stride, stride, 1, b.data(), 32, depth, 32, 1, false, alone.data(), 32);
      CHECK(std::memcmp(alone.data(), together.data() + m * 32, 32 * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("dot products are the plain sums, for every number of outputs, and the same bits alone and among other rows and outputs") {
  for (const auto* kernels : all_kernels())
    for (const std::int64_t depth : {16, 41, 576})
      for (const std::int64_t outputs : {1, 2, 3, 7, 8, 15, 24}) {
        const std::int64_t rows = 11, stride = row_stride(depth), c_stride = outputs + 3;
        auto a = random_values(static_cast<std::size_t>(rows * stride), 1);
        for (std::int64_t m = 0; m < rows; ++m) std::fill_n(a.begin() + m * stride + depth, stride - depth, 0.0F);
        const auto b = random_values(static_cast<std::size_t>(outputs * depth), 2);
        const auto packed = [&](std::int64_t first, std::int64_t count, std::vector<float>& memory) {
          std::vector<const float*> own;
          for (std::int64_t j = first; j < first + count; ++j) own.push_back(b.data() + j * depth);
          DotMatrix matrix{nullptr, count, depth};
          memory.resize(static_cast<std::size_t>(matrix.size()));
          pack_dots(own, matrix, memory.data());
          matrix.data = memory.data();
          return matrix;
        };
        std::vector<float> memory, memory_alone, c(static_cast<std::size_t>(rows * c_stride), 0.25F);
        kernels->dots(a.data(), stride, rows, packed(0, outputs, memory), c.data(), c_stride);
        for (std::int64_t m = 0; m < rows; ++m)
          for (std::int64_t j = 0; j < outputs; ++j) {
            double sum = 0;
            for (std::int64_t i = 0; i < depth; ++i) sum += double{a[static_cast<std::size_t>(m * stride + i)]} * b[static_cast<std::size_t>(j * depth + i)];
            const float got = c[static_cast<std::size_t>(m * c_stride + j)];
            CHECK(got == Approx(sum).margin(1e-4));
            float alone = 0;
            kernels->dots(a.data() + m * stride, stride, 1, packed(j, 1, memory_alone), &alone, 1);
            CHECK(std::memcmp(&alone, &got, sizeof got) == 0);
          }
        for (std::int64_t m = 0; m < rows; ++m)  // nothing beside the result is touched
          for (std::int64_t j = outputs; j < c_stride; ++j) CHECK(c[static_cast<std::size_t>(m * c_stride + j)] == 0.25F);
      }
}

TEST_CASE("softmax sums to one over the tokens that may be seen and is nothing beyond") {
  for (const auto* kernels : all_kernels())
    for (const std::int64_t count : {1, 5, 16, 33}) {
      const std::int64_t padded = (count + 15) / 16 * 16;
      const auto scores = random_values(static_cast<std::size_t>(padded), 6);
      auto weights = scores;
      for (auto& weight : weights) weight *= 20;
      const auto scaled = weights;
      const float sum = kernels->softmax(weights.data(), 0, count, padded, -std::numeric_limits<float>::infinity());
      double expected_sum = 0, max = -1e9;
      for (std::int64_t i = 0; i < count; ++i) max = std::max<double>(max, scaled[static_cast<std::size_t>(i)]);
      for (std::int64_t i = 0; i < count; ++i) expected_sum += std::exp(scaled[static_cast<std::size_t>(i)] - max);
      CHECK(sum == Approx(expected_sum).epsilon(1e-6));
      for (std::int64_t i = 0; i < padded; ++i) {
        // Beside the kernel there is the rounding of score - max, up to 4e-6 here.
        const double expected = i < count ? std::exp(scaled[static_cast<std::size_t>(i)] - max) : 0.0;
        CHECK(weights[static_cast<std::size_t>(i)] == Approx(expected).epsilon(2e-5).margin(2e-38));
        if (i >= count) CHECK(weights[static_cast<std::size_t>(i)] == 0.0F);
      }
    }
}

TEST_CASE("norm and activation follow their formulas") {
  for (const auto* kernels : all_kernels()) {
    const std::int64_t width = 24;  // not a multiple of 16: the rest is zero
    auto x = random_values(32, 7), weight = random_values(32, 8);
    for (std::size_t i = 24; i < 32; ++i) x[i] = weight[i] = 0;
    std::vector<float> out(32);
    kernels->rmsnorm(x.data(), weight.data(), width, 1e-5F, out.data());
    double squares = 0;
    for (const float value : x) squares += double{value} * value;
    for (std::size_t i = 0; i < 24; ++i)
      CHECK(out[i] == Approx(x[i] / std::sqrt(squares / 24 + 1e-5) * weight[i]).epsilon(1e-5));

    std::vector<float> gate{-200, -88, -20, -1, -0.0F, 0, 1, 3, 20, 87, 88, 200, 1e-20F, 5, -5, 0.5F}, up(16, 2);
    const auto before = gate;
    kernels->activate(luthier::checkpoint::Activation::silu, gate.data(), up.data(), 16);
    for (std::size_t i = 0; i < 16; ++i)
      CHECK(gate[i] == Approx(2 * before[i] / (1 + std::exp(-double{before[i]}))).epsilon(2e-6).margin(1e-30));
  }
}

TEST_CASE("activations are their formulas, with or without a second factor") {
  using luthier::checkpoint::Activation;
  const auto exact = [](Activation f, double x) {
    switch (f) {
      case Activation::silu: return x / (1 + std::exp(-x));
      case Activation::gelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
      case Activation::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
      case Activation::relu: return std::max(x, 0.0);
    }
    return 0.0;
  };
  std::vector<float> values;
  for (int i = -800; i < 800; ++i) values.push_back(static_cast<float>(i) * 0.013F + 0.0001F);
  const auto n = static_cast<std::int64_t>(values.size());
  for (const auto* kernels : all_kernels())
    for (const auto f : {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
      auto alone = values, gated = values;
      const std::vector<float> up(values.size(), -3);
      kernels->activate(f, alone.data(), nullptr, n);
      kernels->activate(f, gated.data(), up.data(), n);
      for (std::size_t i = 0; i < values.size(); ++i) {
        CHECK(alone[i] == Approx(exact(f, values[i])).epsilon(1e-6).margin(1e-6));
        CHECK(gated[i] == -3 * alone[i]);
      }
    }
}

TEST_CASE("GPT-OSS's gate is bounded above and its other factor on both sides") {
  for (const auto* kernels : all_kernels()) {
    std::vector<float> gate{-30, -7.5F, -1, 0, 0.5F, 6.9F, 7.1F, 40}, up{-50, 3, -6.5F, 2, 7.5F, -7.5F, 50, 1};
    gate.resize(16), up.resize(16);
    const auto before = gate;
    kernels->clamped_swiglu(gate.data(), up.data(), 16, 7, 1.702F);
    for (std::size_t i = 0; i < 8; ++i) {
      const double x = std::min(before[i], 7.0F), linear = std::min(std::max(up[i], -7.0F), 7.0F);
      CHECK(gate[i] == Approx((linear + 1) * x / (1 + std::exp(-1.702F * x))).epsilon(2e-6).margin(1e-6));
    }
  }
}

TEST_CASE("a soft cap bounds what is large and keeps what is small") {
  for (const auto* kernels : all_kernels()) {
    std::vector<float> x{-1e6F, -100, -51, -30, -12.6F, -12.4F, -1, -1e-3F, 0, 1e-6F, 0.3F, 12.49F, 12.51F, 49, 200, 1e30F};
    const auto before = x;
    kernels->softcap(x.data(), 16, 50);
    for (std::size_t i = 0; i < 16; ++i) CHECK(x[i] == Approx(50 * std::tanh(double{before[i]} / 50)).epsilon(5e-7));
  }
}

TEST_CASE("LayerNorm takes mean and variance over the row alone, not over what pads it") {
  for (const auto* kernels : all_kernels())
    for (const std::int64_t width : {5, 16, 24, 33}) {
      const std::int64_t padded = (width + 15) / 16 * 16;
      auto x = random_values(static_cast<std::size_t>(padded), 7), weight = random_values(static_cast<std::size_t>(padded), 8),
           bias = random_values(static_cast<std::size_t>(padded), 9);
      for (auto& value : x) value += 3;
      for (std::int64_t i = width; i < padded; ++i) x[static_cast<std::size_t>(i)] = 0;
      std::vector<float> out(static_cast<std::size_t>(padded));
      kernels->layernorm(x.data(), weight.data(), bias.data(), width, 1e-5F, out.data());
      double mean = 0, variance = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i) mean += x[i] / static_cast<double>(width);
      for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i) variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(width);
      for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i)
        CHECK(out[i] == Approx((x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i]).epsilon(1e-5).margin(1e-5));
    }
}

TEST_CASE("a sink joins the softmax's sum, and scores before the first are nothing") {
  for (const auto* kernels : all_kernels())
    for (const float sink : {-5.0F, 0.5F, 90.0F}) {
      auto scores = random_values(48, 6);
      const auto before = scores;
      const float sum = kernels->softmax(scores.data(), 7, 37, 48, sink);
      double most = sink, expected = 0;
      for (std::size_t i = 7; i < 37; ++i) most = std::max<double>(most, before[i]);
      for (std::size_t i = 7; i < 37; ++i) expected += std::exp(before[i] - most);
      expected += std::exp(sink - most);
      CHECK(sum == Approx(expected).epsilon(1e-6));
      for (std::size_t i = 0; i < 48; ++i) {
        if (i < 7 || i >= 37) CHECK(scores[i] == 0.0F);
        else CHECK(scores[i] == Approx(std::exp(before[i] - most)).epsilon(1e-5).margin(1e-37));
      }
    }
}

TEST_CASE("the largest value wins, the lowest index among equals, never a NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto* kernels : all_kernels()) {
    auto x = random_values(1000, 9);
    x[700] = x[900] = 50;
    x[3] = x[999] = nan;
    CHECK(kernels->argmax(x.data(), 1000) == 700);
    const std::vector<float> few{nan, -3, -2};
    CHECK(kernels->argmax(few.data(), 3) == 2);
    const std::vector<float> none(20, nan);
    CHECK(kernels->argmax(none.data(), 20) == 0);
  }
}
