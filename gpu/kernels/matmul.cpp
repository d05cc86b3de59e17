#include "gpu/kernels/matmul.hpp"

#include <dnnl.hpp>
#include <map>
#include <mutex>

namespace luthier::kernels {
namespace {

using dnnl::memory;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine = [] {
    dnnl::set_primitive_cache_capacity(0);  // products are kept here, and not longer than that
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return engine;
}

memory::desc matrix(memory::data_type type, std::int64_t rows, std::int64_t columns, std::int64_t ld, bool turned) {
  return {{rows, columns}, type, turned ? memory::dims{1, ld} : memory::dims{ld, 1}};
}

struct Product {
  dnnl::matmul primitive;
  memory::desc a, b, c;
};

Product make_product(const MatmulShape& s) {
  const auto type = s.bfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
  const auto a = matrix(type, s.m, s.k, s.lda, s.a_turned), b = matrix(type, s.k, s.n, s.ldb, s.b_turned),
             c = matrix(memory::data_type::f32, s.m, s.n, s.ldc, false);
  dnnl::primitive_attr attributes;
  if (s.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, cpu_engine());
  return {dnnl::matmul(description), a, b, c};
}

// Generating code for a shape takes a quarter of a millisecond and 100 KiB, so it is kept. Batches of unlike lengths bring new shapes
// at every step: when there are too many, all are forgotten, for those that are in use come back at once.
Product product_for(const MatmulShape& shape) {
  constexpr std::size_t products_max = 256;
  static std::mutex mutex;
  static std::map<MatmulShape, Product> products;
  const std::lock_guard lock(mutex);
  const auto found = products.find(shape);
  if (found != products.end()) return found->second;
  if (products.size() >= products_max) products.clear();
  return products.emplace(shape, make_product(shape)).first->second;
}

}  // namespace

bool matmul(const MatmulShape& shape, const void* a, const void* b, float* c) try {
  const Product product = product_for(shape);
  dnnl::stream stream(cpu_engine());
  const memory of_a(product.a, cpu_engine(), const_cast<void*>(a)), of_b(product.b, cpu_engine(), const_cast<void*>(b)),
      of_c(product.c, cpu_engine(), c);
  product.primitive.execute(stream, {{DNNL_ARG_SRC, of_a}, {DNNL_ARG_WEIGHTS, of_b}, {DNNL_ARG_DST, of_c}});
  stream.wait();
  return true;
} catch (const dnnl::error&) {
  return false;
}

}  // namespace luthier::kernels
