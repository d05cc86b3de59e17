#include "gpu/kernels/router.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

const std::vector<Router> routers{{1, 1, 1, true}, {40, 8, 2, true}, {40, 8, 2, false}, {33, 32, 4, true}, {33, 64, 8, false}, {5, 4, 4, false}};

struct Results {
  std::vector<float> logits, shares, dlogits;
  std::vector<std::int32_t> chosen;
  bool operator==(const Results&) const = default;
};

template <class Route, class Backward>
Results run(const Router& r, Route route, Backward backward) {
  Results out{random_values(r.tokens * r.experts, 1, -3, 3), std::vector<float>(std::size_t(r.rows())),
              random_values(r.tokens * r.experts, 2), std::vector<std::int32_t>(std::size_t(r.rows()))};
  const auto dshares = random_values(r.rows(), 3);
  route(r, out.logits.data(), out.chosen.data(), out.shares.data());
  backward(r, out.logits.data(), out.chosen.data(), out.shares.data(), dshares.data(), out.dlogits.data());
  return out;
}

}  // namespace

TEST_CASE("the fast router and its gradients agree with the plain ones, whatever the threads") {
  const int threads = thread_count();
  for (const Router& r : routers) {
    INFO(r.experts << " experts, " << r.per_token << " per token, sums_to_one " << r.sums_to_one);
    set_thread_count(1);
    const auto got = run(r, route, route_backward), expected = run(r, plain::route, plain::route_backward);
    set_thread_count(3);
    CHECK(run(r, route, route_backward) == got);
    set_thread_count(threads);
    CHECK(got.chosen == expected.chosen);
    CHECK(largest_difference(got.shares, expected.shares) < 1e-6);
    CHECK(largest_difference(got.logits, expected.logits) < 1e-6);
    CHECK(largest_difference(got.dlogits, expected.dlogits) < 2e-6);
  }
}

TEST_CASE("the plain router's gradients are the change of its shares") {
  for (const bool sums_to_one : {false, true}) {
    const Router r{1, 5, 2, sums_to_one};
    const std::vector<float> logits{0.5f, -1, 2, 1.2f, 0}, dshares{0.7f, -0.4f};
    const auto weighted = [&](std::vector<float> changed) {
      std::vector<std::int32_t> chosen(2);
      std::vector<float> shares(2);
      plain::route(r, changed.data(), chosen.data(), shares.data());
      CHECK(chosen == std::vector<std::int32_t>{2, 3});
      return double(shares[0]) * dshares[0] + double(shares[1]) * dshares[1];
    };
    auto softmax = logits;
    std::vector<std::int32_t> chosen(2);
    std::vector<float> shares(2), dlogits(5);
    plain::route(r, softmax.data(), chosen.data(), shares.data());
    plain::route_backward(r, softmax.data(), chosen.data(), shares.data(), dshares.data(), dlogits.data());
    for (std::size_t e = 0; e < 5; ++e) {
      auto above = logits, below = logits;
      above[e] += 1e-2f;
      below[e] -= 1e-2f;
      CHECK((weighted(above) - weighted(below)) / 2e-2 == Approx(dlogits[e]).margin(1e-4));
    }
  }
}

TEST_CASE("of equal logits the first experts are chosen, and what is no number chooses an expert all the same") {
  std::vector<float> logits{1, 3, 3, 1, std::nanf(""), std::nanf(""), std::nanf(""), std::nanf("")};
  std::vector<std::int32_t> chosen(6);
  std::vector<float> shares(6);
  route({2, 4, 3, true}, logits.data(), chosen.data(), shares.data());
  CHECK(chosen == std::vector<std::int32_t>{1, 2, 0, 0, 1, 2});
}

TEST_CASE("rows are sorted by expert, and by token within an expert") {
  const Router r{4, 3, 2};
  const std::vector<std::int32_t> chosen{2, 0, 0, 2, 2, 0, 0, 2};
  std::vector<std::int32_t> first_row(4), row_of(8), token_of(8);
  sort_by_expert(r, chosen.data(), first_row.data(), row_of.data(), token_of.data());
  CHECK(first_row == std::vector<std::int32_t>{0, 4, 4, 8});
  CHECK(token_of == std::vector<std::int32_t>{0, 1, 2, 3, 0, 1, 2, 3});
  CHECK(row_of == std::vector<std::int32_t>{4, 0, 1, 5, 6, 2, 3, 7});
}
