// What this machine can do, as the yardstick of ./bench train and ./bench serve: oneDNN alone on the products of a training step, and how
// fast memory is read.
//
//   machine_rates products ROWS THREADS f32|bf16 OUT:IN:COUNT...
//   machine_rates read THREADS
//
// `products` prints {"gflop", "forward", "dx", "dw"}: the operations of one pass over all layers, and the seconds that oneDNN takes for
// y = x W^T, dX = dY W and dW = dY^T X. Each shape is timed once and counted COUNT times. Weights are in the order that oneDNN
// chooses (packed beforehand, untimed) where that is faster than their own. `read` prints {"gigabytes_per_second"}.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace {

using dnnl::memory;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// The median of three, after one that is not counted.
double median_seconds(const std::function<void()>& work) {
  work();
  double times[3];
  for (double& time : times) {
    const auto begin = Clock::now();
    work();
    time = seconds_since(begin);
  }
  std::sort(std::begin(times), std::end(times));
  return times[1];
}

struct Strides { memory::dim row, column; };

class Products {
 public:
  Products(memory::dim rows, memory::data_type type) : rows_(rows), type_(type) {}

  double forward(memory::dim out, memory::dim in) { return faster_order({rows_, in, out}, {in, 1}, {1, in}); }
  double dx(memory::dim out, memory::dim in) { return faster_order({rows_, out, in}, {out, 1}, {in, 1}); }
  double dw(memory::dim out, memory::dim in) { return seconds({out, rows_, in}, {1, out}, {in, 1}, false); }  // neither is known beforehand

 private:
  struct Shape { memory::dim m, k, n; };

  double faster_order(const Shape& shape, Strides a, Strides b) { return std::min(seconds(shape, a, b, false), seconds(shape, a, b, true)); }

  double seconds(const Shape& s, Strides a_order, Strides b_order, bool packed) {
    const memory::desc a({s.m, s.k}, type_, memory::dims{a_order.row, a_order.column});
    const memory::desc plain({s.k, s.n}, type_, memory::dims{b_order.row, b_order.column});
    const memory::desc b = packed ? memory::desc({s.k, s.n}, type_, memory::format_tag::any) : plain;
    const memory::desc c({s.m, s.n}, memory::data_type::f32, memory::dims{s.n, 1});
    const dnnl::matmul::primitive_desc described(dnnl::matmul::desc(a, b, c), engine_);
    const dnnl::matmul product(described);
    auto left = filled(a), right = filled(described.weights_desc());
    memory result(c, engine_);
    return median_seconds([&] {
      product.execute(stream_, {{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, result}});
      stream_.wait();
    });
  }

  // Small numbers, none of them denormal: 0x3c3c is 0.0115 in bf16 and 0x3c3c3c3c 0.0115 in f32.
  memory filled(const memory::desc& description) {
    memory out(description, engine_);
    std::fill_n(static_cast<unsigned char*>(out.get_data_handle()), description.get_size(), static_cast<unsigned char>(0x3c));
    return out;
  }

  const memory::dim rows_;
  const memory::data_type type_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
};

int measure_products(int count, char** shapes, memory::dim rows, memory::data_type type) {
  Products products(rows, type);
  double gflop = 0, forward = 0, dx = 0, dw = 0;
  for (int i = 0; i < count; ++i) {
    long long out = 0, in = 0, times = 0;
    if (std::sscanf(shapes[i], "%lld:%lld:%lld", &out, &in, &times) != 3 || out < 1 || in < 1 || times < 1) return 2;
    const auto often = static_cast<double>(times);
    gflop += often * 2e-9 * static_cast<double>(rows) * static_cast<double>(out) * static_cast<double>(in);
    forward += often * products.forward(out, in);
    dx += often * products.dx(out, in);
    dw += often * products.dw(out, in);
  }
  std::printf("{\"gflop\": %.3f, \"forward\": %.6f, \"dx\": %.6f, \"dw\": %.6f}\n", gflop, forward, dx, dw);
  return 0;
}

int measure_read() {
  constexpr std::int64_t count = std::int64_t{3} << 26;  // 1.5 GiB: no cache holds a part of it that counts
  const std::unique_ptr<std::uint64_t[]> values(new std::uint64_t[count]);  // touched first by the thread that reads it
  #pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(i);
  double best = 1e9;
  std::uint64_t sum = 0;
  for (int pass = 0; pass < 5; ++pass) {
    const auto begin = Clock::now();
    #pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) sum += values[static_cast<std::size_t>(i)];
    best = std::min(best, seconds_since(begin));
  }
  constexpr auto total = static_cast<std::uint64_t>(count);
  if (sum != 5 * (total / 2 * (total - 1))) return 1;  // so that nothing of it is left out
  std::printf("{\"gigabytes_per_second\": %.3f}\n", 8e-9 * static_cast<double>(count) / best);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const bool is_products = what == "products" && argc > 5, is_read = what == "read" && argc == 3;
  if (!is_products && !is_read) return 2;
  omp_set_num_threads(std::atoi(argv[is_products ? 3 : 2]));
  if (is_read) return measure_read();
  return measure_products(argc - 5, argv + 5, std::atoi(argv[2]), std::string(argv[4]) == "bf16" ? memory::data_type::bf16 : memory::data_type::f32);
}
