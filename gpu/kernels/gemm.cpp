#include "gpu/kernels/gemm.hpp"

#include <dnnl.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <mutex>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/small_gemm.hpp"

namespace luthier::kernels {
namespace {

using dnnl::memory;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

struct Shape {
  std::int64_t m, n, k, lda, ldb, ldc;
  bool b_turned, accumulate;
  auto operator<=>(const Shape&) const = default;
};

memory::desc matrix(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride) {
  return {{rows, columns}, memory::data_type::f32, memory::dims{row_stride, column_stride}};
}

struct Product {
  dnnl::matmul primitive;
  memory::desc a, b, c;
};

Product make_product(const Shape& s) {
  const auto a = matrix(s.m, s.k, s.lda, 1), c = matrix(s.m, s.n, s.ldc, 1);
  const auto b = s.b_turned ? matrix(s.k, s.n, 1, s.ldb) : matrix(s.k, s.n, s.ldb, 1);
  dnnl::primitive_attr attributes;
  if (s.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, cpu_engine());
  return {dnnl::matmul(description), a, b, c};
}

// Generating code for a shape takes half a millisecond, so it is kept. Batches of unlike lengths bring new shapes at every
// step: when there are too many, all are forgotten, for those that are in use come back at once.
Product product_for(const Shape& shape) {
  constexpr std::size_t products_max = 1024;
  static std::mutex mutex;
  static std::map<Shape, Product> products;
  const std::lock_guard lock(mutex);
  const auto found = products.find(shape);
  if (found != products.end()) return found->second;
  if (products.size() >= products_max) products.clear();
  return products.emplace(shape, make_product(shape)).first->second;
}

// Measured with oneDNN 2.6 on Zen 4, per core: y = x W^T runs at 100 to 106 GFLOP/s here and at 42 to 107 in dnnl_sgemm;
// with few columns 100 against 75. Everything else is faster in dnnl_sgemm, by up to a quarter.
bool matmul_is_faster(bool a_turned, bool b_turned, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t few_columns = 32, few_terms = 64;
  if (a_turned || k < few_terms) return false;
  return b_turned || n <= few_columns;
}

// False when oneDNN cannot make such a product: out of memory, or a shape that it does not know.
bool run_matmul(const Shape& shape, const float* a, const float* b, float* c) try {
  const Product product = product_for(shape);
  dnnl::stream stream(cpu_engine());
  const memory of_a(product.a, cpu_engine(), const_cast<float*>(a)), of_b(product.b, cpu_engine(), const_cast<float*>(b)),
      of_c(product.c, cpu_engine(), c);
  product.primitive.execute(stream, {{DNNL_ARG_SRC, of_a}, {DNNL_ARG_WEIGHTS, of_b}, {DNNL_ARG_DST, of_c}});
  stream.wait();
  return true;
} catch (const dnnl::error&) {
  return false;
}

}  // namespace

void gemm(Transpose a_op, Transpose b_op, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
          std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  const Timed timed(std::min({m, n, k}) <= 64 ? "thin product" : "product");
  if (m == 0 || n == 0) return;
  const bool a_turned = a_op == Transpose::yes, b_turned = b_op == Transpose::yes;
  if (!a_turned && b_turned && m <= few_rows_max)
    return few_rows_linear(m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (alpha == 1.0f && (beta == 0.0f || beta == 1.0f) && matmul_is_faster(a_turned, b_turned, n, k) &&
      run_matmul({m, n, k, lda, ldb, ldc, b_turned, beta == 1.0f}, a, b, c))
    return;
  const auto status = dnnl_sgemm(a_turned ? 'T' : 'N', b_turned ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  assert(status == dnnl_success);  // it fails for impossible shapes only
  (void)status;
}

}  // namespace luthier::kernels
