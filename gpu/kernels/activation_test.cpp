#include "gpu/kernels/activation.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;
using Kind = luthier::checkpoint::Activation;

namespace {

std::vector<Activation> units() {
  std::vector<Activation> all;
  for (const Kind kind : {Kind::silu, Kind::gelu, Kind::gelu_tanh, Kind::relu})
    for (const bool gated : {false, true})
      for (const bool interleaved : {false, true}) all.push_back({.kind = kind, .gated = gated, .interleaved = interleaved});
  for (const bool interleaved : {false, true}) all.push_back({.interleaved = interleaved, .limit = 2, .alpha = 1.702f});
  return all;
}

struct Results {
  std::vector<float> h, dx;
  bool operator==(const Results&) const = default;
};

template <class Forward, class Backward>
Results run(const Activation& unit, long rows, long width, Forward forward, Backward backward) {
  const auto x = random_values(rows * unit.columns(width), 1, -6, 6), dh = random_values(rows * width, 2);
  Results r{std::vector<float>(static_cast<std::size_t>(rows * width)), std::vector<float>(x.size())};
  forward(unit, rows, width, x.data(), r.h.data());
  backward(unit, rows, width, x.data(), dh.data(), r.dx.data());
  return r;
}

}  // namespace

TEST_CASE("the definitions of the activations give PyTorch's numbers") {  // torch.nn.functional's, in double, with their gradients
  struct Expected {
    Kind kind;
    std::vector<float> value, slope;
  };
  const std::vector<float> z{-6.0f, -3.0f, -1.0f, -0.25f, 0.5f, 2.0f, 5.0f}, ones(7, 1.0f);
  const std::vector<Expected> all{
      {Kind::silu, {-0.0148357389f, -0.14227762f, -0.268941421f, -0.109455875f, 0.311229666f, 1.76159416f, 4.96653575f},
       {-0.0123264326f, -0.088104106f, 0.0723294881f, 0.376289978f, 0.739961187f, 1.09078425f, 1.02654743f}},
      {Kind::gelu, {-5.91952587e-09f, -0.00404969409f, -0.158655254f, -0.100323419f, 0.345731231f, 1.95449974f, 4.99999857f},
       {-3.54687095e-08f, -0.0119456472f, -0.0833154706f, 0.304626645f, 0.867495125f, 1.0852318f, 1.00000715f}},
      {Kind::gelu_tanh, {-8.43964898e-11f, -0.00363739208f, -0.158808009f, -0.100324649f, 0.34571401f, 1.95459769f, 4.99999977f},
       {-7.70997601e-10f, -0.0115841666f, -0.0829640838f, 0.304645905f, 0.867369904f, 1.08609926f, 1.00000155f}},
      {Kind::relu, {0, 0, 0, 0, 0.5f, 2, 5}, {0, 0, 0, 0, 1, 1, 1}}};
  for (const auto& [kind, value, slope] : all) {
    std::vector<float> h(7), dx(7);
    const Activation unit{.kind = kind, .gated = false};
    plain::activation_forward(unit, 1, 7, z.data(), h.data());
    plain::activation_backward(unit, 1, 7, z.data(), ones.data(), dx.data());
    CHECK(largest_difference(h, value) < 1e-7);
    CHECK(largest_difference(dx, slope) < 1e-7);
  }
}

TEST_CASE("GPT-OSS's unit clamps, and what is clamped passes no gradient") {
  const std::vector<float> x{9, 1, 1, -9, 1, 0.5f};  // gate and up take turns
  const std::vector<float> dh{1, 1, 1};
  std::vector<float> h(3), dx(6);
  const Activation unit{.interleaved = true, .limit = 7, .alpha = 1.702f};
  activation_forward(unit, 1, 3, x.data(), h.data());
  activation_backward(unit, 1, 3, x.data(), dh.data(), dx.data());
  const double s7 = 1 / (1 + std::exp(-1.702 * 7)), s1 = 1 / (1 + std::exp(-1.702));
  CHECK(largest_difference(h, {float(2 * 7 * s7), float(-6 * s1), float(1.5 * s1)}) < 1e-6);
  CHECK(dx[0] == 0);
  CHECK(dx[1] == Approx(7 * s7));
  CHECK(dx[3] == 0);
  CHECK(dx[4] == Approx(1.5 * s1 * (1 + 1.702 * (1 - s1))));
}

TEST_CASE("the fast activations and their gradients agree with the plain ones") {
  for (const Activation& unit : units())
    for (const auto& [rows, width] : {std::pair{1L, 5L}, std::pair{9L, 300L}, std::pair{30L, 64L}}) {
      INFO("kind " << int(unit.kind) << " gated " << unit.gated << " interleaved " << unit.interleaved << " limit " << unit.limit);
      const auto got = run(unit, rows, width, activation_forward, activation_backward);
      const auto expected = run(unit, rows, width, plain::activation_forward, plain::activation_backward);
      CHECK(largest_difference(got.h, expected.h) < 1e-6);
      CHECK(largest_difference(got.dx, expected.dx) < 3e-6);
      auto in_place = random_values(rows * unit.columns(width), 1, -6, 6);
      const auto dh = random_values(rows * width, 2);
      activation_backward(unit, rows, width, in_place.data(), dh.data(), in_place.data());
      CHECK(in_place == got.dx);
    }
}

TEST_CASE("activations have the same bits for every number of threads") {
  const int threads = thread_count();
  for (const Activation& unit : units()) {
    set_thread_count(1);
    const auto alone = run(unit, 30, 70, activation_forward, activation_backward);
    set_thread_count(3);
    CHECK(run(unit, 30, 70, activation_forward, activation_backward) == alone);
    set_thread_count(threads);
  }
}
