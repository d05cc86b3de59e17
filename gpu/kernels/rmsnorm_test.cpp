#include "gpu/kernels/rmsnorm.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

struct Shape {
  long rows, width;
};
const std::vector<Shape> shapes{{1, 8}, {7, 33}, {20, 576}, {65, 130}};
constexpr double epsilon = 1e-5;

double inverse_rms_of(const float* x, long width) {
  double squares = 0;
  for (long i = 0; i < width; ++i) squares += double(x[i]) * x[i];
  return 1.0 / std::sqrt(squares / double(width) + epsilon);
}

}  // namespace

TEST_CASE("rmsnorm divides by the root of the mean square") {
  for (const auto& [rows, width] : shapes) {
    const auto x = random_values(rows * width, 1), weight = random_values(width, 2);
    std::vector<float> expected(x.size()), y(x.size()), inverse(static_cast<std::size_t>(rows));
    for (long r = 0; r < rows; ++r)
      for (long i = 0; i < width; ++i)
        expected[r * width + i] = float(double(weight[i]) * x[r * width + i] * inverse_rms_of(&x[r * width], width));
    rmsnorm_forward(rows, width, x.data(), weight.data(), float(epsilon), y.data(), inverse.data());
    CHECK(largest_difference(y, expected) < 1e-6);
    for (long r = 0; r < rows; ++r) CHECK(inverse[r] == Approx(inverse_rms_of(&x[r * width], width)).epsilon(1e-5));

    auto in_place = x;
    rmsnorm_forward(rows, width, in_place.data(), weight.data(), float(epsilon), in_place.data(), nullptr);
    CHECK(in_place == y);
  }
}

TEST_CASE("rmsnorm's gradients follow from its definition") {
  for (const auto& [rows, width] : shapes) {
    const auto x = random_values(rows * width, 1), weight = random_values(width, 2), dy = random_values(rows * width, 3);
    const auto dx_before = random_values(rows * width, 4), dweight_before = random_values(width, 5);
    auto dx = dx_before, dweight = dweight_before;
    std::vector<float> y(x.size()), inverse(static_cast<std::size_t>(rows));
    rmsnorm_forward(rows, width, x.data(), weight.data(), float(epsilon), y.data(), inverse.data());
    rmsnorm_backward(rows, width, x.data(), weight.data(), inverse.data(), dy.data(), dx.data());
    rmsnorm_backward_weight(rows, width, x.data(), inverse.data(), dy.data(), dweight.data());

    auto expected_dx = dx_before, expected_dweight = dweight_before;
    for (long r = 0; r < rows; ++r) {
      const float* row = &x[r * width];
      const double i = inverse_rms_of(row, width);
      double pull = 0;
      for (long j = 0; j < width; ++j) pull += double(dy[r * width + j]) * weight[j] * row[j];
      for (long j = 0; j < width; ++j) {
        expected_dx[r * width + j] += float(i * dy[r * width + j] * weight[j] - row[j] * i * i * i * pull / double(width));
        expected_dweight[j] += float(dy[r * width + j] * row[j] * i);
      }
    }
    CHECK(largest_difference(dx, expected_dx) < 2e-6);
    CHECK(largest_difference(dweight, expected_dweight) < 2e-6);
  }
}
