#include "gpu/kernels/cross_entropy.hpp"

#include <cmath>
#include <vector>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

constexpr float lowest = -3.0e38f;

// Sum of e^(x - top). Blocks of 1024 are added in double, so that a vocabulary of 200,000 loses no digits.
LUTHIER_CLONES double exp_sum(std::int64_t width, const float* x, float top) {
  double total = 0;
  for (std::int64_t begin = 0; begin < width; begin += 1024) {
    const std::int64_t end = width - begin < 1024 ? width : begin + 1024;
    F16 part{};
    std::int64_t i = begin;
    for (; i + 16 <= end; i += 16) part += simd::exp(load<F16>(x + i) - top);
    if (i < end) part += simd::exp(load_part(x + i, end - i, lowest) - top);
    total += static_cast<double>(sum(part));
  }
  return total;
}

LUTHIER_CLONES void scaled_exp(std::int64_t width, const float* x, float top, float scale, float* y) {
  std::int64_t i = 0;
  for (; i + 16 <= width; i += 16) store(y + i, simd::exp(load<F16>(x + i) - top) * scale);
  if (i < width) store_part(y + i, simd::exp(load_part(x + i, width - i) - top) * scale, width - i);
}

double row_loss_and_gradient(std::int64_t vocabulary, const float* logits, std::int32_t label, float gradient_scale,
                             float* gradient) {
  const float top = max_of(vocabulary, logits);
  const double total = exp_sum(vocabulary, logits, top);
  const double loss = std::log(total) - (static_cast<double>(logits[label]) - static_cast<double>(top));
  if (gradient) {
    scaled_exp(vocabulary, logits, top, static_cast<float>(static_cast<double>(gradient_scale) / total), gradient);
    gradient[label] -= gradient_scale;
  }
  return loss;
}

}  // namespace

double cross_entropy(std::int64_t rows, std::int64_t vocabulary, const float* logits, const std::int32_t* labels,
                     float gradient_scale, float* gradient, float* row_loss) {
  const Timed timed("cross entropy");
  std::vector<double> losses(static_cast<std::size_t>(rows));
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < rows; ++r)
    losses[static_cast<std::size_t>(r)] = row_loss_and_gradient(vocabulary, logits + r * vocabulary, labels[r], gradient_scale,
                                                                gradient ? gradient + r * vocabulary : nullptr);
  double total = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    total += losses[static_cast<std::size_t>(r)];
    if (row_loss) row_loss[r] = static_cast<float>(losses[static_cast<std::size_t>(r)]);
  }
  return total;
}

void softmax(std::int64_t width, float* row) {
  const float top = max_of(width, row);
  scaled_exp(width, row, top, static_cast<float>(1.0 / exp_sum(width, row, top)), row);
}

}  // namespace luthier::kernels
