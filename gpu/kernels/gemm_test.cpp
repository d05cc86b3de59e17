#include "gpu/kernels/gemm.hpp"

#include <bit>
#include <catch2/catch.hpp>

#include "gpu/kernels/gemm_bfloat16.hpp"
#include "gpu/kernels/small_gemm.hpp"
#include "gpu/kernels/test_support.hpp"

using namespace luthier::kernels;
using namespace luthier::kernels::test;

namespace {

// The definition, in double.
std::vector<float> reference(bool a_turned, bool b_turned, long m, long n, long k, float alpha, const std::vector<float>& a,
                             long lda, const std::vector<float>& b, long ldb, float beta, std::vector<float> c, long ldc) {
  for (long i = 0; i < m; ++i)
    for (long j = 0; j < n; ++j) {
      double total = 0;
      for (long p = 0; p < k; ++p)
        total += double(a_turned ? a[p * lda + i] : a[i * lda + p]) * double(b_turned ? b[j * ldb + p] : b[p * ldb + j]);
      float& out = c[i * ldc + j];
      out = static_cast<float>(alpha * total + (beta == 0 ? 0.0 : double(beta) * double(out)));
    }
  return c;
}

}  // namespace

TEST_CASE("a product agrees with its definition for every transposition, shape and leading dimension") {
  struct Shape {
    long m, n, k;
  };
  for (const auto& [m, n, k] : {Shape{1, 1, 1}, Shape{1, 40, 24}, Shape{3, 17, 5}, Shape{16, 33, 31}, Shape{17, 8, 64},
                               Shape{40, 64, 16}, Shape{65, 96, 130}, Shape{33, 16, 70}, Shape{70, 40, 8}})
    for (const bool a_turned : {false, true})
      for (const bool b_turned : {false, true})
        for (const auto& [alpha, beta] : {std::pair{1.0f, 0.0f}, std::pair{1.0f, 1.0f}, std::pair{0.5f, 1.0f}, std::pair{2.0f, -0.5f}}) {
          const long lda = (a_turned ? m : k) + 3, ldb = (b_turned ? k : n) + 1, ldc = n + 2;
          const auto a = random_values((a_turned ? k : m) * lda, 1), b = random_values((b_turned ? n : k) * ldb, 2);
          auto c = random_values(m * ldc, 3);
          const auto expected = reference(a_turned, b_turned, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
          gemm(Transpose{a_turned}, Transpose{b_turned}, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
          INFO(m << " x " << n << " x " << k << " turned " << a_turned << b_turned << " beta " << beta);
          CHECK(largest_difference(c, expected) < 1e-5);
        }
}

TEST_CASE("a product with beta 0 does not read what was there") {
  const auto x = random_values(40 * 8, 1), w = random_values(24 * 8, 2);
  for (const long rows : {4L, 40L}) {
    std::vector<float> y(static_cast<std::size_t>(rows * 24), std::numeric_limits<float>::quiet_NaN());
    linear(rows, 8, 24, x.data(), 8, w.data(), 0.0f, y.data(), 24);
    CHECK(all_numbers(y));
  }
}

TEST_CASE("a product over no columns scales c by beta") {
  std::vector<float> c{1, 2, 3, 4};
  const float unused = 0;
  gemm(Transpose::no, Transpose::yes, 2, 2, 0, 1.0f, &unused, 1, &unused, 1, 0.5f, c.data(), 2);
  CHECK(c == std::vector<float>{0.5f, 1, 1.5f, 2});
  gemm(Transpose::no, Transpose::no, 0, 2, 3, 1.0f, &unused, 3, &unused, 2, 0.0f, c.data(), 2);
  CHECK(c == std::vector<float>{0.5f, 1, 1.5f, 2});
}

TEST_CASE("a product has the same bits each time") {
  const long m = 100, n = 192, k = 576;
  const auto x = random_values(m * k, 1), w = random_values(n * k, 2);
  for (const bool turned : {false, true}) {
    std::vector<float> first(m * n), second(m * n);
    for (auto* y : {&first, &second})
      gemm(Transpose::no, Transpose{turned}, m, n, k, 1, x.data(), k, w.data(), turned ? k : n, 0, y->data(), n);
    CHECK(first == second);
  }
}

TEST_CASE("small products agree with their definition on operands with any stride") {
  for (const long m : {1L, 2L, 7L, 64L})
    for (const long n : {1L, 16L, 40L, 64L})
      for (const bool a_turned : {false, true})
        for (const bool accumulate : {false, true}) {
          const long k = 19;
          const auto a = random_values(m * k, 4), b = random_values(k * n, 5);
          auto c = random_values(m * n, 6);
          const auto expected = reference(a_turned, false, m, n, k, 1, a, a_turned ? m : k, b, n, accumulate ? 1 : 0, c, n);
          small_gemm(m, n, k, a.data(), a_turned ? 1 : k, a_turned ? m : 1, b.data(), n, c.data(), n, accumulate);
          CHECK(largest_difference(c, expected) < 1e-5);
        }
}

namespace {

std::vector<Bfloat16> narrowed(const std::vector<float>& values) {
  std::vector<Bfloat16> narrow_values(values.size());
  narrow(1, static_cast<long>(values.size()), 1, values.data(), static_cast<long>(values.size()), narrow_values.data(), static_cast<long>(values.size()));
  return narrow_values;
}

std::vector<float> widened(const std::vector<Bfloat16>& values) {
  std::vector<float> wide(values.size());
  widen(static_cast<long>(values.size()), values.data(), wide.data());
  return wide;
}

}  // namespace

TEST_CASE("a bf16 product is that of the rounded values, by the processor's instructions and without them") {
  struct Shape {
    long m, n, k;
  };
  for (const auto& [m, n, k] : {Shape{1, 1, 1}, Shape{1, 40, 24}, Shape{3, 17, 5}, Shape{17, 8, 64}, Shape{40, 64, 16}, Shape{65, 96, 131},
                               Shape{33, 16, 70}, Shape{5, 530, 1040}, Shape{600, 3, 9}})
    for (const bool a_turned : {false, true})
      for (const bool b_turned : {false, true})
        for (const bool accumulate : {false, true}) {
          const long lda = (a_turned ? m : k) + 3, ldb = (b_turned ? k : n) + 1, ldc = n + 2;
          const auto a = narrowed(random_values((a_turned ? k : m) * lda, 1)), b = narrowed(random_values((b_turned ? n : k) * ldb, 2));
          const auto before = random_values(m * ldc, 3);
          const auto expected = reference(a_turned, b_turned, m, n, k, 1, widened(a), lda, widened(b), ldb, accumulate ? 1 : 0, before, ldc);
          INFO(m << " x " << n << " x " << k << " turned " << a_turned << b_turned << " accumulate " << accumulate);
          for (const auto product : {gemm_bfloat16, gemm_bfloat16_widened}) {
            auto c = before;
            product(Transpose{a_turned}, Transpose{b_turned}, m, n, k, a.data(), lda, b.data(), ldb, accumulate, c.data(), ldc);
            CHECK(largest_difference(c, expected) < 2e-5);
          }
        }
}

TEST_CASE("a bf16 product over no columns adds nothing, and has the same bits each time") {
  std::vector<float> c{1, 2, 3, 4};
  const Bfloat16 unused{};
  gemm_bfloat16(Transpose::no, Transpose::yes, 2, 2, 0, &unused, 1, &unused, 1, true, c.data(), 2);
  CHECK(c == std::vector<float>{1, 2, 3, 4});
  gemm_bfloat16(Transpose::no, Transpose::yes, 2, 2, 0, &unused, 1, &unused, 1, false, c.data(), 2);
  CHECK(c == std::vector<float>{0, 0, 0, 0});
  const long m = 100, n = 192, k = 576;
  const auto x = narrowed(random_values(m * k, 1)), w = narrowed(random_values(n * k, 2));
  std::vector<float> first(m * n), second(m * n);
  for (auto* y : {&first, &second}) gemm_bfloat16(Transpose::no, Transpose::yes, m, n, k, x.data(), k, w.data(), k, false, y->data(), n);
  CHECK(first == second);
}

TEST_CASE("rows are narrowed to bf16 with their scale, also within their own memory") {
  const long rows = 37, width = 150, ldx = 160;
  const auto x = random_values(rows * ldx, 1);
  std::vector<float> expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] = 0.3f * x[i];
  round_to_bfloat16(rows * ldx, expected.data(), expected.data());
  std::vector<Bfloat16> apart(rows * width);
  narrow(rows, width, 0.3f, x.data(), ldx, apart.data(), width);
  auto within = x;
  auto* own = reinterpret_cast<Bfloat16*>(within.data());
  narrow(rows, width, 0.3f, within.data(), ldx, own, 2 * ldx);
  for (long r = 0; r < rows; ++r)
    for (long i = 0; i < width; ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(expected[r * ldx + i]) >> 16;
      REQUIRE(apart[r * width + i].bits == bits);
      REQUIRE(own[r * 2 * ldx + i].bits == bits);
    }
}
