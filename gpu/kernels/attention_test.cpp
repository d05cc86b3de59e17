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
};

std::vector<Case> cases() {
  return {{{1, 1, 4, 0.5f}, {0, 1}},
          {{4, 2, 8, 0.35f}, {0, 5, 6, 20}},
          {{6, 2, 16, 0.25f}, {0, 130, 131, 260}},
          {{3, 3, 40, 0.16f}, {0, 64, 128, 193}},
          {{2, 1, 64, 0.125f}, {0, 0, 300}},
          {{2, 1, 130, 0.09f}, {0, 70}}};
}

struct Tensors {
  std::vector<float> q, k, v, dout;
};

Tensors tensors_of(const Case& c) {
  const long rows = c.starts.back(), heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  return {random_values(rows * heads, 1, -3, 3), random_values(rows * kv, 2, -3, 3), random_values(rows * kv, 3),
          random_values(rows * heads, 4)};
}

struct Expected {
  std::vector<double> out, dq, dk, dv;
};

// Row by row, with all scores of the row at hand.
Expected reference(const Case& c, const Tensors& t) {
  const auto& [heads, kv_heads, dim, scale] = c.shape;
  const long ldq = heads * dim, ldk = kv_heads * dim;
  Expected e{std::vector<double>(t.q.size()), std::vector<double>(t.q.size()), std::vector<double>(t.k.size()),
             std::vector<double>(t.v.size())};
  for (std::size_t s = 0; s + 1 < c.starts.size(); ++s)
    for (long h = 0; h < heads; ++h)
      for (long i = c.starts[s]; i < c.starts[s + 1]; ++i) {
        const long g = h / (heads / kv_heads);
        std::vector<double> p;
        double total = 0, pull = 0;
        for (long j = c.starts[s]; j <= i; ++j) {
          double score = 0;
          for (long d = 0; d < dim; ++d) score += double(t.q[i * ldq + h * dim + d]) * t.k[j * ldk + g * dim + d];
          p.push_back(std::exp(score * scale));
          total += p.back();
        }
        for (auto& value : p) value /= total;
        for (long d = 0; d < dim; ++d)
          for (std::size_t j = 0; j < p.size(); ++j)
            e.out[i * ldq + h * dim + d] += p[j] * t.v[(c.starts[s] + j) * ldk + g * dim + d];
        for (long d = 0; d < dim; ++d) pull += e.out[i * ldq + h * dim + d] * t.dout[i * ldq + h * dim + d];
        for (std::size_t n = 0; n < p.size(); ++n) {
          const long j = c.starts[s] + long(n);
          double dp = 0;
          for (long d = 0; d < dim; ++d) dp += double(t.dout[i * ldq + h * dim + d]) * t.v[j * ldk + g * dim + d];
          const double ds = p[n] * (dp - pull) * scale;
          for (long d = 0; d < dim; ++d) {
            e.dv[j * ldk + g * dim + d] += p[n] * t.dout[i * ldq + h * dim + d];
            e.dq[i * ldq + h * dim + d] += ds * t.k[j * ldk + g * dim + d];
            e.dk[j * ldk + g * dim + d] += ds * t.q[i * ldq + h * dim + d];
          }
        }
      }
  return e;
}

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

struct Gradients {
  std::vector<float> out, dq, dk, dv;
  bool operator==(const Gradients&) const = default;
};

Gradients run(const Case& c, const Tensors& t) {
  const long rows = c.starts.back(), heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  Gradients g{std::vector<float>(t.q.size()), std::vector<float>(t.q.size()), std::vector<float>(t.k.size()),
              std::vector<float>(t.v.size())};
  std::vector<float> log_sum_exp(static_cast<std::size_t>(c.shape.heads * rows));
  std::vector<float> scratch(attention_backward_scratch(c.shape, rows));
  attention_forward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, g.out.data(), heads, log_sum_exp.data());
  attention_backward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, g.out.data(), t.dout.data(), heads,
                     log_sum_exp.data(), g.dq.data(), heads, g.dk.data(), g.dv.data(), kv, scratch.data());
  return g;
}

}  // namespace

TEST_CASE("attention and its gradients follow from the definition, each sequence by itself") {
  for (const auto& c : cases()) {
    const auto t = tensors_of(c);
    const auto expected = reference(c, t);
    const auto got = run(c, t);
    INFO("head_dim " << c.shape.head_dim << " rows " << c.starts.back());
    CHECK(largest_difference(got.out, rounded(expected.out)) < 3e-6);
    CHECK(largest_difference(got.dq, rounded(expected.dq)) < 5e-6);
    CHECK(largest_difference(got.dk, rounded(expected.dk)) < 5e-6);
    CHECK(largest_difference(got.dv, rounded(expected.dv)) < 5e-6);
  }
}

TEST_CASE("attention may overwrite its queries") {
  const auto c = cases()[2];
  auto t = tensors_of(c);
  const long heads = c.shape.heads * c.shape.head_dim, kv = c.shape.kv_heads * c.shape.head_dim;
  const auto expected = run(c, t).out;
  attention_forward(c.shape, c.starts, t.q.data(), heads, t.k.data(), t.v.data(), kv, t.q.data(), heads, nullptr);
  CHECK(t.q == expected);
}

TEST_CASE("attention has the same bits for every number of threads") {
  const auto c = cases()[2];
  const auto t = tensors_of(c);
  const int threads = thread_count();
  set_thread_count(1);
  const auto alone = run(c, t);
  set_thread_count(3);
  const auto three = run(c, t);
  set_thread_count(threads);
  CHECK(alone == three);
}
