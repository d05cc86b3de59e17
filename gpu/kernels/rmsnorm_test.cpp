#include "gpu/kernels/rmsnorm.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

// The hidden states of a network, and the heads of its queries among other columns of the same product.
const std::vector<RmsNorm> norms{{1, 8, 1e-5f}, {7, 33, 1e-5f}, {20, 576, 1e-6f, 1}, {65, 130, 1e-5f}, {9, 16, 1e-6f, 0, 5}, {30, 70, 1e-6f, 1, 3}};

struct Results {
  std::vector<float> y, inverse, dx, dweight;
  bool operator==(const Results&) const = default;
};

template <class Forward, class Backward, class Weight>
Results run(const RmsNorm& n, float beta, Forward forward, Backward backward, Weight backward_weight) {
  const long columns = n.heads * n.width, ld = columns + 3;
  const auto x = random_values(n.rows * ld, 1), weight = random_values(n.width, 2), dy = random_values(n.rows * ld, 3);
  Results r{random_values(n.rows * ld, 4), std::vector<float>(static_cast<std::size_t>(n.rows * n.heads)), random_values(n.rows * ld, 5),
            random_values(n.width, 6)};
  forward(n, x.data(), ld, weight.data(), r.y.data(), ld, r.inverse.data());
  backward(n, x.data(), ld, weight.data(), r.inverse.data(), dy.data(), ld, beta, r.dx.data(), ld);
  backward_weight(n, x.data(), ld, r.inverse.data(), dy.data(), ld, r.dweight.data());
  return r;
}

Results fast(const RmsNorm& n, float beta) { return run(n, beta, rmsnorm_forward, rmsnorm_backward, rmsnorm_backward_weight); }
Results slow(const RmsNorm& n, float beta) {
  return run(n, beta, plain::rmsnorm_forward, plain::rmsnorm_backward, plain::rmsnorm_backward_weight);
}

}  // namespace

TEST_CASE("rmsnorm's definition gives PyTorch's numbers") {  // torch.nn.functional.rms_norm of 2.x, with its gradients
  const std::vector<float> x{1.5f, -0.25f, 0.75f, 2.0f, -1.0f, 0.1f, 0.2f, -0.3f, 0.4f, 0.5f}, weight{0.5f, -1.0f, 2.0f, 0.25f, 1.5f};
  const std::vector<float> dy{1.0f, -2.0f, 0.5f, 0.25f, 3.0f, 0.5f, 1.5f, -1.0f, 2.0f, -0.5f};
  std::vector<float> y(10), inverse(2), dx(10), dweight(5);
  const RmsNorm norm{2, 5, 1e-5f};
  plain::rmsnorm_forward(norm, x.data(), 5, weight.data(), y.data(), 5, inverse.data());
  plain::rmsnorm_backward(norm, x.data(), 5, weight.data(), inverse.data(), dy.data(), 5, 0, dx.data(), 5);
  plain::rmsnorm_backward_weight(norm, x.data(), 5, inverse.data(), dy.data(), 5, dweight.data());
  CHECK(largest_difference(y, {0.59761238f, 0.19920413f, 1.1952248f, 0.39840826f, -1.1952248f, 0.15074883f, -0.60299534f, -1.8089859f,
                               0.30149767f, 2.2612324f}) < 1e-6);
  CHECK(largest_difference(dx, {0.91064429f, 1.5082604f, 1.0529345f, 0.73278236f, 3.2441835f, 0.67152494f, -4.686903f, -5.7832956f,
                                1.1786115f, -2.6723282f}) < 1e-6);
  CHECK(largest_difference(dweight, {1.3459736f, 1.3029013f, 1.2032992f, 2.8103895f, -3.1441936f}) < 1e-6);
}

TEST_CASE("the fast rmsnorm and its gradients agree with the plain ones, and touch nothing beside their columns") {
  for (const RmsNorm& n : norms)
    for (const float beta : {0.0f, 1.0f}) {
      INFO(n.rows << " rows of " << n.heads << " x " << n.width << ", beta " << beta);
      const auto got = fast(n, beta), expected = slow(n, beta);
      CHECK(largest_difference(got.y, expected.y) < 1e-6);
      CHECK(largest_difference(got.inverse, expected.inverse) < 1e-6);
      CHECK(largest_difference(got.dx, expected.dx) < 2e-6);
      CHECK(largest_difference(got.dweight, expected.dweight) < 3e-6);
    }
}

TEST_CASE("rmsnorm may work in place, forward and backward") {
  for (const RmsNorm& n : norms) {
    const long ld = n.heads * n.width;
    const auto x = random_values(n.rows * ld, 1), weight = random_values(n.width, 2), dy = random_values(n.rows * ld, 3);
    std::vector<float> y(x.size()), inverse(static_cast<std::size_t>(n.rows * n.heads)), dx(x.size());
    rmsnorm_forward(n, x.data(), ld, weight.data(), y.data(), ld, inverse.data());
    rmsnorm_backward(n, x.data(), ld, weight.data(), inverse.data(), dy.data(), ld, 0, dx.data(), ld);
    auto in_place = x, gradient = dy;
    rmsnorm_forward(n, in_place.data(), ld, weight.data(), in_place.data(), ld, nullptr);
    rmsnorm_backward(n, x.data(), ld, weight.data(), inverse.data(), gradient.data(), ld, 0, gradient.data(), ld);
    CHECK(in_place == y);
    CHECK(gradient == dx);
  }
}

TEST_CASE("rmsnorm has the same bits for every number of threads") {
  const int threads = thread_count();
  for (const RmsNorm& n : norms) {
    set_thread_count(1);
    const auto alone = fast(n, 1);
    set_thread_count(3);
    CHECK(fast(n, 1) == alone);
    set_thread_count(threads);
  }
}
