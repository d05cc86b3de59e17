#include "gpu/kernels/layernorm.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

struct Shape {
  long rows, width;
};
const std::vector<Shape> shapes{{1, 8}, {7, 33}, {20, 576}, {65, 130}};

struct Results {
  std::vector<float> y, stats, dx, dweight, dbias;
  bool operator==(const Results&) const = default;
};

template <class Forward, class Backward, class Weight>
Results run(const Shape& s, float beta, Forward forward, Backward backward, Weight backward_weight) {
  const auto x = random_values(s.rows * s.width, 1, 4, 6), weight = random_values(s.width, 2), bias = random_values(s.width, 3),
             dy = random_values(s.rows * s.width, 4);  // x far from 0: where a careless variance loses its digits
  Results r{std::vector<float>(x.size()), std::vector<float>(static_cast<std::size_t>(2 * s.rows)), random_values(s.rows * s.width, 5),
            random_values(s.width, 6), random_values(s.width, 7)};
  forward(s.rows, s.width, x.data(), weight.data(), bias.data(), 1e-12f, r.y.data(), r.stats.data());
  backward(s.rows, s.width, x.data(), weight.data(), r.stats.data(), dy.data(), beta, r.dx.data());
  backward_weight(s.rows, s.width, x.data(), r.stats.data(), dy.data(), r.dweight.data(), r.dbias.data());
  return r;
}

Results fast(const Shape& s, float beta) { return run(s, beta, layernorm_forward, layernorm_backward, layernorm_backward_weight); }
Results slow(const Shape& s, float beta) {
  return run(s, beta, plain::layernorm_forward, plain::layernorm_backward, plain::layernorm_backward_weight);
}

}  // namespace

TEST_CASE("layernorm's definition gives PyTorch's numbers") {  // torch.nn.functional.layer_norm, with its gradients
  const std::vector<float> x{1.5f, -0.25f, 0.75f, 2.0f, -1.0f, 0.1f, 0.2f, -0.3f, 0.4f, 0.5f}, weight{0.5f, -1.0f, 2.0f, 0.25f, 1.5f};
  const std::vector<float> bias{0.1f, 0.2f, 0.3f, -0.4f, 0.5f}, dy{1.0f, -2.0f, 0.5f, 0.25f, 3.0f, 0.5f, 1.5f, -1.0f, 2.0f, -0.5f};
  std::vector<float> y(10), stats(4), dx(10), dweight(5), dbias(5);
  plain::layernorm_forward(2, 5, x.data(), weight.data(), bias.data(), 1e-5f, y.data(), stats.data());
  plain::layernorm_backward(2, 5, x.data(), weight.data(), stats.data(), dy.data(), 0, dx.data());
  plain::layernorm_backward_weight(2, 5, x.data(), stats.data(), dy.data(), dweight.data(), dbias.data());
  CHECK(largest_difference(y, {0.5082466f, 0.97113252f, 0.57216442f, -0.082474858f, -1.6773154f, -0.043582387f, 0.12820882f,
                               -3.1459773f, -0.20257424f, 2.2229886f}) < 1e-6);
  CHECK(largest_difference(dx, {0.094492435f, -0.69090283f, -0.37170768f, 0.31079102f, 0.65732646f, 3.9872975f, -3.0159512f,
                                -1.2031331f, 2.7201285f, -2.4883404f}) < 2e-6);
  CHECK(largest_difference(dweight, {0.67291075f, 1.6499518f, 1.7910297f, 1.8969314f, -4.9289598f}) < 1e-6);
  CHECK(dbias == std::vector<float>{1.5f, -0.5f, -0.5f, 2.25f, 2.5f});
}

TEST_CASE("the fast layernorm and its gradients agree with the plain ones") {
  for (const Shape& s : shapes)
    for (const float beta : {0.0f, 1.0f}) {
      INFO(s.rows << " x " << s.width << ", beta " << beta);
      const auto got = fast(s, beta), expected = slow(s, beta);
      CHECK(largest_difference(got.y, expected.y) < 3e-6);
      CHECK(largest_difference(got.stats, expected.stats) < 2e-6);
      CHECK(largest_difference(got.dx, expected.dx) < 5e-6);
      CHECK(largest_difference(got.dweight, expected.dweight) < 5e-6);
      CHECK(largest_difference(got.dbias, expected.dbias) < 2e-6);
    }
}

TEST_CASE("layernorm may work in place, and has the same bits for every number of threads") {
  const int threads = thread_count();
  for (const Shape& s : shapes) {
    set_thread_count(1);
    const auto alone = fast(s, 1);
    set_thread_count(3);
    CHECK(fast(s, 1) == alone);
    set_thread_count(threads);
    const auto x = random_values(s.rows * s.width, 1, 4, 6), weight = random_values(s.width, 2), bias = random_values(s.width, 3);
    auto in_place = x;
    layernorm_forward(s.rows, s.width, in_place.data(), weight.data(), bias.data(), 1e-12f, in_place.data(), nullptr);
    CHECK(in_place == alone.y);
    auto gradient = random_values(s.rows * s.width, 4);
    layernorm_backward(s.rows, s.width, x.data(), weight.data(), alone.stats.data(), gradient.data(), 0, gradient.data());
    CHECK(gradient == fast(s, 0).dx);
  }
}
