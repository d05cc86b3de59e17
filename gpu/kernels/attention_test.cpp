#include "gpu/kernels/attention.hpp"

#include <catch2/catch.hpp>

#include "gpu/kernels/dispatch.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

struct Case {
  AttentionShape shape;
  std::vector<std::int32_t> starts;
  bool sinks = false;
};

std::vector<Case> cases() {
  std::vector<Case> all{{{1, 1, 4, 0.5f}, {0, 1}},
                        {{4, 2, 8, 0.35f}, {0, 5, 6, 20}},
                        {{6, 2, 16, 0.25f}, {0, 130, 131, 260}},
                        {{3, 3, 40, 0.16f}, {0, 64, 128, 193}},
                        {{2, 1, 64, 0.125f}, {0, 0, 300}},
                        {{2, 1, 130, 0.09f}, {0, 70}}};
  // Gemma 2, GPT-OSS and BERT, with windows smaller and larger than a block of keys.
  for (const std::int64_t window : {2, 7, 64, 65, 200, 1000}) {
    all.push_back({{4, 2, 16, 0.25f, window}, {0, 300, 303, 400}});
    all.push_back({{4, 2, 16, 0.25f, window, 2.0f}, {0, 300, 303, 400}});
    all.push_back({{4, 2, 16, 0.25f, window}, {0, 300, 303, 400}, true});
  }
  all.push_back({{4, 2, 16, 0.25f, 0, 2.0f}, {0, 150, 170}, true});
  // Sequences whose gradients are summed in parts, and groups of more heads than meet a tile of keys together.
  all.push_back({{3, 1, 24, 0.2f}, {0, 3, 700, 731}});
  all.push_back({{2, 2, 16, 0.25f, 100, 4.0f}, {0, 600}, true});
  all.push_back({{2, 2, 16, 0.25f, 0, 0, true}, {0, 577}});
  all.push_back({{18, 2, 8, 0.35f}, {0, 90}});
  all.push_back({{4, 4, 16, 0.25f, 0, 0, true}, {0, 1, 140, 270}});
  all.push_back({{4, 4, 16, 0.25f, 5, 3.0f, true}, {0, 1, 140, 270}, true});
  return all;
}

struct Tensors {
  std::vector<float> q, k, v, dout, sinks;
  const float* given_sinks(const Case& c) const { return c.sinks ? sinks.data() : nullptr; }
};

Tensors tensors_of(const Case& c) {
  const long rows = c.starts.back(), heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  return {random_values(rows * heads, 1, -3, 3), random_values(rows * kv, 2, -3, 3), random_values(rows * kv, 3),
          random_values(rows * heads, 4), random_values(c.shape.heads, 5, -3, 3)};
}

struct Gradients {
  std::vector<float> out, dq, dk, dv, dsinks;
  bool operator==(const Gradients&) const = default;
};

Gradients none(const Case& c, const Tensors& t) {
  return {std::vector<float>(t.q.size()), std::vector<float>(t.q.size()), std::vector<float>(t.k.size()),
          std::vector<float>(t.v.size()), random_values(c.shape.heads, 6)};
}

Gradients run(const Case& c, const Tensors& t) {
  const long rows = c.starts.back(), heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  Gradients g = none(c, t);
  std::vector<float> log_sum_exp(static_cast<std::size_t>(c.shape.heads * rows));
  std::vector<float> scratch(attention_backward_scratch(c.shape, rows));
  attention_forward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, t.given_sinks(c), g.out.data(), heads,
                    log_sum_exp.data());
  attention_backward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, t.given_sinks(c), g.out.data(), t.dout.data(),
                     heads, log_sum_exp.data(), g.dq.data(), heads, g.dk.data(), g.dv.data(), kv, c.sinks ? g.dsinks.data() : nullptr,
                     scratch.data());
  return g;
}

Gradients run_plain(const Case& c, const Tensors& t) {
  const long heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  Gradients g = none(c, t);
  plain::attention_forward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, t.given_sinks(c), g.out.data(), heads,
                           nullptr);
  plain::attention_backward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, t.given_sinks(c), t.dout.data(), heads,
                            g.dq.data(), heads, g.dk.data(), g.dv.data(), kv, c.sinks ? g.dsinks.data() : nullptr);
  return g;
}

}  // namespace

TEST_CASE("attention and its gradients follow from the definition, each sequence by itself") {
  for (const auto& c : cases()) {
    const auto t = tensors_of(c);
    const auto expected = run_plain(c, t);
    const auto got = run(c, t);
    INFO("head_dim " << c.shape.head_dim << " rows " << c.starts.back() << " window " << c.shape.window << " cap " << c.shape.softcap
                     << " all " << c.shape.all << " sinks " << c.sinks);
    CHECK(largest_difference(got.out, expected.out) < 3e-6);
    CHECK(largest_difference(got.dq, expected.dq) < 5e-6);
    CHECK(largest_difference(got.dk, expected.dk) < 5e-6);
    CHECK(largest_difference(got.dv, expected.dv) < 5e-6);
    CHECK(largest_difference(got.dsinks, expected.dsinks) < 5e-6);
  }
}

TEST_CASE("the plain attention's gradients are the change of its output") {
  const Case c{{2, 1, 4, 0.6f, 3, 1.5f}, {0, 6}, true};
  auto t = tensors_of(c);
  const auto weighted = [&] {
    const auto out = run_plain(c, t).out;
    double total = 0;
    for (std::size_t i = 0; i < out.size(); ++i) total += double(out[i]) * t.dout[i];
    return total;
  };
  const auto expected = run_plain(c, t);
  const auto before = random_values(c.shape.heads, 6);
  const auto check = [&](float& value, double gradient) {
    const float kept = value;
    value = kept + 1e-2f;
    const double above = weighted();
    value = kept - 1e-2f;
    const double below = weighted();
    value = kept;
    CHECK((above - below) / 2e-2 == Approx(gradient).margin(2e-3).epsilon(0.01));
  };
  for (const std::size_t i : {0, 9, 30}) check(t.q[i], expected.dq[i]);
  for (const std::size_t i : {0, 9, 20}) check(t.k[i], expected.dk[i]);
  for (const std::size_t i : {0, 9, 20}) check(t.v[i], expected.dv[i]);
  for (const std::size_t i : {0, 1}) check(t.sinks[i], expected.dsinks[i] - before[i]);
}

TEST_CASE("attention may overwrite its queries") {
  const auto c = cases()[2];
  auto t = tensors_of(c);
  const long heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  const auto expected = run(c, t).out;
  attention_forward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, nullptr, t.q.data(), heads, nullptr);
  CHECK(t.q == expected);
}

TEST_CASE("attention has the same bits for every number of threads, and in a pack as alone") {
  const int threads = thread_count();
  for (const auto& c : cases()) {
    const auto t = tensors_of(c);
    set_thread_count(1);
    const auto alone = run(c, t);
    set_thread_count(3);
    CHECK(run(c, t) == alone);
    set_thread_count(threads);
  }
  const auto packed = cases().back();
  const auto t = tensors_of(packed);
  const auto together = run(packed, t);
  const Case one{packed.shape, {0, 139}, packed.sinks};
  const long width = packed.shape.heads * packed.shape.head_dim;  // as many heads of keys as of queries
  const auto second = [&](const std::vector<float>& all) { return std::vector<float>(all.begin() + width, all.begin() + 140 * width); };
  const auto alone = run(one, {second(t.q), second(t.k), second(t.v), second(t.dout), t.sinks});
  CHECK(alone.out == second(together.out));
  CHECK(alone.dq == second(together.dq));
  CHECK(alone.dk == second(together.dk));
}
