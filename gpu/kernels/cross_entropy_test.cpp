#include "gpu/kernels/cross_entropy.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

TEST_CASE("the loss is the label's negative log probability and its gradient softmax minus one") {
  struct Shape {
    long rows, vocabulary;
  };
  for (const auto& [rows, vocabulary] : {Shape{1, 2}, Shape{5, 33}, Shape{3, 5000}}) {
    auto logits = random_values(rows * vocabulary, 1, -20, 20);
    std::vector<std::int32_t> labels;
    for (long r = 0; r < rows; ++r) labels.push_back(std::int32_t((r * 7919) % vocabulary));
    const float scale = 0.25f;
    std::vector<float> gradient(logits.size()), row_loss(static_cast<std::size_t>(rows)), expected(logits.size());
    double expected_loss = 0;
    for (long r = 0; r < rows; ++r) {
      double total = 0;
      for (long j = 0; j < vocabulary; ++j) total += std::exp(double(logits[r * vocabulary + j]));
      for (long j = 0; j < vocabulary; ++j)
        expected[r * vocabulary + j] =
            float(scale * (std::exp(double(logits[r * vocabulary + j])) / total - (j == labels[r] ? 1 : 0)));
      expected_loss += std::log(total) - logits[r * vocabulary + labels[r]];
    }
    CHECK(cross_entropy(rows, vocabulary, logits.data(), labels.data(), scale, gradient.data(), row_loss.data()) ==
          Approx(expected_loss).epsilon(1e-6));
    CHECK(largest_difference(gradient, expected) < 2e-6);
    double of_rows = 0;
    for (const float loss : row_loss) of_rows += loss;
    CHECK(of_rows == Approx(expected_loss).epsilon(1e-6));

    cross_entropy(rows, vocabulary, logits.data(), labels.data(), scale, logits.data(), nullptr);
    CHECK(logits == gradient);
  }
}

TEST_CASE("the loss is exact where probabilities leave the range of float") {
  std::vector<float> logits{1000, 0, -1000};
  const std::int32_t last = 2;
  CHECK(cross_entropy(1, 3, logits.data(), &last, 1, nullptr, nullptr) == Approx(2000));
  softmax(3, logits.data());
  CHECK(logits == std::vector<float>{1, 0, 0});
}
