#include "gpu/kernels/swiglu.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

TEST_CASE("swiglu and its gradients follow from the definition, also in place and as halves of one array") {
  struct Shape {
    long rows, width;
  };
  for (const auto& [rows, width] : {Shape{1, 3}, Shape{5, 40}, Shape{33, 128}}) {
    const long ld = 2 * width;
    auto both = random_values(rows * ld, 1, -12, 12);  // gate in the left half, up in the right
    const auto dh = random_values(rows * width, 2);
    std::vector<float> h(static_cast<std::size_t>(rows * width)), expected_h(h.size());
    auto expected = both;
    for (long r = 0; r < rows; ++r)
      for (long j = 0; j < width; ++j) {
        const double z = both[r * ld + j], u = both[r * ld + width + j], d = dh[r * width + j];
        const double s = 1.0 / (1.0 + std::exp(-z));
        expected_h[r * width + j] = float(z * s * u);
        expected[r * ld + j] = float(d * u * s * (1.0 + z * (1.0 - s)));
        expected[r * ld + width + j] = float(d * z * s);
      }
    swiglu_forward(rows, width, both.data(), both.data() + width, ld, h.data(), width);
    CHECK(largest_difference(h, expected_h) < 1e-6);
    swiglu_backward(rows, width, both.data(), both.data() + width, ld, dh.data(), width, both.data(), both.data() + width);
    CHECK(largest_difference(both, expected) < 1e-6);
  }
}

TEST_CASE("swiglu stays finite for gates far from zero") {
  const std::vector<float> gate{-1000, -100, -88, 0, 88, 100, 1000}, up(7, 1.0f);
  std::vector<float> h(7);
  swiglu_forward(1, 7, gate.data(), up.data(), 7, h.data(), 7);
  CHECK(all_numbers(h));
  CHECK(std::abs(h[0]) < 1e-30f);
  CHECK(h[6] == 1000.0f);
}
