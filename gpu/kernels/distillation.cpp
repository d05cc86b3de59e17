#include "gpu/kernels/distillation.hpp"

#include <cmath>
#include <vector>

#include "gpu/kernels/profile.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/kernels/simd.hpp"

namespace luthier::kernels {
namespace {

using namespace simd;

constexpr float lowest = -3.0e38f;
constexpr std::int64_t block = 1024;  // so many values are added in f32, the blocks in double

struct Sums {
  double plain, warm;  // of e^(x - top) and of e^((x - top) / T)
};

LUTHIER_CLONES void exp_sums(std::int64_t width, const float* x, float top, float inverse, Sums* sums) {
  *sums = {0, 0};
  for (std::int64_t begin = 0; begin < width; begin += block) {
    const std::int64_t end = width - begin < block ? width : begin + block;
    F16 plain{}, warm{};
    for (std::int64_t i = begin; i < end; i += 16) {
      const F16 below = (i + 16 <= end ? load<F16>(x + i) : load_part(x + i, end - i, lowest)) - top;
      plain += simd::exp(below);
      warm += simd::exp(below * inverse);
    }
    sums->plain += static_cast<double>(sum(plain));
    sums->warm += static_cast<double>(sum(warm));
  }
}

struct Row {
  const float *x, *teacher;
  float top, teacher_top, inverse;               // inverse of the temperature
  float plain_share, warm_share, teacher_share;  // what e^… times it is the probability, with the gradient's factors
};

// Sum of p_t * (teacher - teacher_top - x + top) / T: the part of the divergence that depends on the vocabulary.
LUTHIER_CLONES double weighted_difference(std::int64_t width, const Row* row, float teacher_share) {
  double total = 0;
  for (std::int64_t begin = 0; begin < width; begin += block) {
    const std::int64_t end = width - begin < block ? width : begin + block;
    F16 part{};
    for (std::int64_t i = begin; i < end; i += 16) {
      const bool whole = i + 16 <= end;
      const F16 t = (whole ? load<F16>(row->teacher + i) : load_part(row->teacher + i, end - i, row->teacher_top)) - row->teacher_top;
      const F16 s = (whole ? load<F16>(row->x + i) : load_part(row->x + i, end - i, row->top)) - row->top;
      part += simd::exp(t * row->inverse) * (t - s);  // the lanes beyond the end are 0
    }
    total += static_cast<double>(sum(part));
  }
  return total * static_cast<double>(row->inverse) * static_cast<double>(teacher_share);
}

LUTHIER_CLONES void row_gradient(std::int64_t width, const Row* row, float* gradient) {
  for (std::int64_t i = 0; i < width; i += 16) {
    const bool whole = i + 16 <= width;
    const F16 s = (whole ? load<F16>(row->x + i) : load_part(row->x + i, width - i, row->top)) - row->top;
    const F16 t = (whole ? load<F16>(row->teacher + i) : load_part(row->teacher + i, width - i, row->teacher_top)) - row->teacher_top;
    const F16 d = simd::exp(s) * row->plain_share + simd::exp(s * row->inverse) * row->warm_share - simd::exp(t * row->inverse) * row->teacher_share;
    if (whole) store(gradient + i, d);
    else store_part(gradient + i, d, width - i);
  }
}

double row_loss(std::int64_t width, const float* logits, const float* teacher, std::int32_t label, const DistillationLoss& loss,
                float gradient_scale, float* gradient) {
  const double t = loss.temperature, alpha = loss.mixing;
  Row row{logits, teacher, max_of(width, logits), max_of(width, teacher), static_cast<float>(1 / t), 0, 0, 0};
  Sums own, taught;
  exp_sums(width, logits, row.top, row.inverse, &own);
  exp_sums(width, teacher, row.teacher_top, row.inverse, &taught);
  const double of_label = std::log(own.plain) - (static_cast<double>(logits[label]) - static_cast<double>(row.top));
  const double divergence = weighted_difference(width, &row, static_cast<float>(1 / taught.warm)) + std::log(own.warm) - std::log(taught.warm);
  if (gradient) {
    const double scale = static_cast<double>(gradient_scale);
    row.plain_share = static_cast<float>((1 - alpha) * scale / own.plain);
    row.warm_share = static_cast<float>(alpha * t * scale / own.warm);
    row.teacher_share = static_cast<float>(alpha * t * scale / taught.warm);
    row_gradient(width, &row, gradient);
    gradient[label] -= static_cast<float>((1 - alpha) * scale);
  }
  return (1 - alpha) * of_label + alpha * t * t * divergence;
}

}  // namespace

double distillation(std::int64_t rows, std::int64_t vocabulary, const float* logits, const float* teacher, const std::int32_t* labels,
                    const DistillationLoss& loss, float gradient_scale, float* gradient) {
  const Timed timed("distillation");
  std::vector<double> losses(static_cast<std::size_t>(rows));
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < rows; ++r)
    losses[static_cast<std::size_t>(r)] = row_loss(vocabulary, logits + r * vocabulary, teacher + r * vocabulary, labels[r], loss,
                                                   gradient_scale, gradient ? gradient + r * vocabulary : nullptr);
  double total = 0;
  for (const double one : losses) total += one;
  return total;
}

}  // namespace luthier::kernels
