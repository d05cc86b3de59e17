#include "gpu/kernels/small_gemm.hpp"

#ifndef __clang__
#pragma GCC optimize("no-signed-zeros")  // or a value is added to 0 before it is spread over a vector
#endif

#include <cstring>
#include <string_view>

#include "gpu/kernels/simd.hpp"

// Loops over registers must be unrolled completely, or the sums live in memory.
#ifdef __clang__
#define LUTHIER_UNROLL _Pragma("unroll")
#else
#define LUTHIER_UNROLL _Pragma("GCC unroll 16")
#endif

namespace luthier::kernels {
namespace {

using namespace simd;

template <class V>
constexpr std::int64_t lanes = sizeof(V) / sizeof(float);

struct Operands {
  const float* a;
  std::int64_t a_row, a_column;
  const float* b;
  std::int64_t ldb;
  float* c;
  std::int64_t ldc;
};

// A block of Rows x Columns vectors of c, held in registers over the whole of k.
template <class V, int Rows, int Columns>
LUTHIER_INLINE void tile(std::int64_t k, const Operands& o, bool accumulate) {
  V sums[Rows][Columns];
  LUTHIER_UNROLL
  for (int r = 0; r < Rows; ++r) {
    LUTHIER_UNROLL
    for (int j = 0; j < Columns; ++j) sums[r][j] = accumulate ? load<V>(o.c + r * o.ldc + j * lanes<V>) : V{};
  }
  const float* a = o.a;
  const float* b = o.b;
  for (std::int64_t p = 0; p < k; ++p, a += o.a_column, b += o.ldb) {
    V columns[Columns];
    LUTHIER_UNROLL
    for (int j = 0; j < Columns; ++j) columns[j] = load<V>(b + j * lanes<V>);
    LUTHIER_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const V value = V{} + a[r * o.a_row];
      LUTHIER_UNROLL
      for (int j = 0; j < Columns; ++j) sums[r][j] += value * columns[j];
    }
  }
  LUTHIER_UNROLL
  for (int r = 0; r < Rows; ++r) {
    LUTHIER_UNROLL
    for (int j = 0; j < Columns; ++j) store(o.c + r * o.ldc + j * lanes<V>, sums[r][j]);
  }
}

LUTHIER_INLINE void scalar_tile(std::int64_t rows, std::int64_t columns, std::int64_t k, const Operands& o, bool accumulate) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < columns; ++j) {
      float total = accumulate ? o.c[r * o.ldc + j] : 0.0f;
      for (std::int64_t p = 0; p < k; ++p) total += o.a[r * o.a_row + p * o.a_column] * o.b[p * o.ldb + j];
      o.c[r * o.ldc + j] = total;
    }
}

LUTHIER_INLINE Operands moved(Operands o, std::int64_t rows, std::int64_t columns) {
  o.a += rows * o.a_row;
  o.b += columns;
  o.c += rows * o.ldc + columns;
  return o;
}

template <class V, int Rows>
LUTHIER_INLINE void row_band(std::int64_t n, std::int64_t k, const Operands& o, bool accumulate) {
  std::int64_t j = 0;
  for (; j + 2 * lanes<V> <= n; j += 2 * lanes<V>) tile<V, Rows, 2>(k, moved(o, 0, j), accumulate);
  for (; j + lanes<V> <= n; j += lanes<V>) tile<V, Rows, 1>(k, moved(o, 0, j), accumulate);
  if (j < n) scalar_tile(Rows, n - j, k, moved(o, 0, j), accumulate);
}

template <class V, int Rows>
LUTHIER_INLINE void all_bands(std::int64_t m, std::int64_t n, std::int64_t k, const Operands& o, bool accumulate) {
  std::int64_t i = 0;
  for (; i + Rows <= m; i += Rows) row_band<V, Rows>(n, k, moved(o, i, 0), accumulate);
  for (; i + 2 <= m; i += 2) row_band<V, 2>(n, k, moved(o, i, 0), accumulate);
  for (; i < m; ++i) row_band<V, 1>(n, k, moved(o, i, 0), accumulate);
}

struct Linear {
  std::int64_t k;
  float alpha;
  const float* x;
  std::int64_t ldx;
  const float* w;
  std::int64_t ldw;
  float beta;
  float* y;
  std::int64_t ldy;
};

// Xs rows of x against Ws rows of w, along k.
template <class V, int Xs, int Ws>
LUTHIER_INLINE void dots(const Linear& o) {
  V sums[Xs][Ws];
  LUTHIER_UNROLL
  for (int i = 0; i < Xs; ++i) {
    LUTHIER_UNROLL
    for (int j = 0; j < Ws; ++j) sums[i][j] = V{};
  }
  std::int64_t p = 0;
  for (; p + lanes<V> <= o.k; p += lanes<V>) {
    V weights[Ws];
    LUTHIER_UNROLL
    for (int j = 0; j < Ws; ++j) weights[j] = load<V>(o.w + j * o.ldw + p);
    LUTHIER_UNROLL
    for (int i = 0; i < Xs; ++i) {
      const V value = load<V>(o.x + i * o.ldx + p);
      LUTHIER_UNROLL
      for (int j = 0; j < Ws; ++j) sums[i][j] += value * weights[j];
    }
  }
  for (int i = 0; i < Xs; ++i)
    for (int j = 0; j < Ws; ++j) {
      float total = sum(sums[i][j]);
      for (std::int64_t q = p; q < o.k; ++q) total += o.x[i * o.ldx + q] * o.w[j * o.ldw + q];
      float& out = o.y[i * o.ldy + j];
      out = o.beta == 0.0f ? o.alpha * total : o.alpha * total + o.beta * out;
    }
}

template <class V, int Xs, int Ws>
LUTHIER_INLINE void weight_rows(std::int64_t m, std::int64_t n, Linear o) {
  const auto over_x = [&]<int W>(std::integral_constant<int, W>) __attribute__((always_inline)) {
    Linear at = o;
    std::int64_t i = 0;
    for (; i + Xs <= m; i += Xs, at.x += Xs * o.ldx, at.y += Xs * o.ldy) dots<V, Xs, W>(at);
    for (; i < m; ++i, at.x += o.ldx, at.y += o.ldy) dots<V, 1, W>(at);
  };
  std::int64_t j = 0;
  for (; j + Ws <= n; j += Ws, o.w += Ws * o.ldw, o.y += Ws) over_x(std::integral_constant<int, Ws>{});
  for (; j < n; ++j, o.w += o.ldw, o.y += 1) over_x(std::integral_constant<int, 1>{});
}

// Register blocks for 32 registers of 16 floats, and for 16 registers of 8.
#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v4"))) void product_v4(std::int64_t m, std::int64_t n, std::int64_t k, const Operands& o,
                                                          bool accumulate) {
  all_bands<F16, 8>(m, n, k, o, accumulate);
}
__attribute__((target("arch=x86-64-v3"))) void product_v3(std::int64_t m, std::int64_t n, std::int64_t k, const Operands& o,
                                                          bool accumulate) {
  all_bands<F8, 6>(m, n, k, o, accumulate);
}
__attribute__((target("arch=x86-64-v4"))) void linear_v4(std::int64_t m, std::int64_t n, const Linear& o) {
  weight_rows<F16, 4, 4>(m, n, o);
}
__attribute__((target("arch=x86-64-v3"))) void linear_v3(std::int64_t m, std::int64_t n, const Linear& o) {
  weight_rows<F8, 2, 4>(m, n, o);
}
#endif
void product_any(std::int64_t m, std::int64_t n, std::int64_t k, const Operands& o, bool accumulate) {
  all_bands<F8, 2>(m, n, k, o, accumulate);
}
void linear_any(std::int64_t m, std::int64_t n, const Linear& o) { weight_rows<F8, 1, 4>(m, n, o); }

struct Chosen {
  void (*product)(std::int64_t, std::int64_t, std::int64_t, const Operands&, bool) = product_any;
  void (*linear)(std::int64_t, std::int64_t, const Linear&) = linear_any;
};

Chosen choose() {
#if defined(__x86_64__)
  const std::string_view level = instruction_set();
  if (level == "x86-64-v4") return {product_v4, linear_v4};
  if (level == "x86-64-v3") return {product_v3, linear_v3};
#endif
  return {};
}

const Chosen& chosen() {
  static const Chosen table = choose();
  return table;
}

}  // namespace

void small_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t a_row, std::int64_t a_column,
                const float* b, std::int64_t ldb, float* c, std::int64_t ldc, bool accumulate) {
  chosen().product(m, n, k, {a, a_row, a_column, b, ldb, c, ldc}, accumulate);
}

void few_rows_linear(std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* x, std::int64_t ldx,
                     const float* w, std::int64_t ldw, float beta, float* y, std::int64_t ldy) {
  const auto run = chosen().linear;
  constexpr std::int64_t block = 32;  // rows of w a thread takes at a time
#pragma omp parallel for schedule(static) if (n * k > 32768)
  for (std::int64_t begin = 0; begin < n; begin += block) {
    const std::int64_t count = n - begin < block ? n - begin : block;
    run(m, count, {k, alpha, x, ldx, w + begin * ldw, ldw, beta, y + begin, ldy});
  }
}

}  // namespace luthier::kernels
