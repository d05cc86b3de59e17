#include "gpu/model/norm.hpp"

#include "gpu/kernels/layernorm.hpp"
#include "gpu/kernels/rmsnorm.hpp"

namespace luthier::model {
namespace {

using checkpoint::NormKind;

kernels::RmsNorm rms(const Norm& norm, std::int64_t rows, std::int64_t heads = 1) {
  return {rows, norm.width, norm.epsilon, norm.kind == NormKind::rms_plus_one ? 1.0f : 0.0f, heads};
}

}  // namespace

std::int64_t norm_stats(NormKind kind) { return kind == NormKind::layer ? 2 : 1; }

void norm_forward(const Norm& norm, std::int64_t rows, const float* x, float* y, float* stats) {
  if (norm.kind == NormKind::layer)
    return kernels::layernorm_forward(rows, norm.width, x, norm.weight, norm.bias, norm.epsilon, y, stats);
  kernels::rmsnorm_forward(rms(norm, rows), x, norm.width, norm.weight, y, norm.width, stats);
}

void norm_backward(const Norm& norm, std::int64_t rows, const float* x, const float* stats, const float* dy, float beta, float* dx) {
  if (norm.kind == NormKind::layer) {
    if (norm.gradient) kernels::layernorm_backward_weight(rows, norm.width, x, stats, dy, norm.gradient, norm.bias_gradient);
    if (dx) kernels::layernorm_backward(rows, norm.width, x, norm.weight, stats, dy, beta, dx);
    return;
  }
  if (norm.gradient) kernels::rmsnorm_backward_weight(rms(norm, rows), x, norm.width, stats, dy, norm.width, norm.gradient);
  if (dx) kernels::rmsnorm_backward(rms(norm, rows), x, norm.width, norm.weight, stats, dy, norm.width, beta, dx, norm.width);
}

void norm_heads_forward(const Norm& norm, std::int64_t rows, std::int64_t heads, float* x, std::int64_t ldx, float* stats) {
  kernels::rmsnorm_forward(rms(norm, rows, heads), x, ldx, norm.weight, x, ldx, stats);
}

void norm_heads_backward(const Norm& norm, std::int64_t rows, std::int64_t heads, const float* x, std::int64_t ldx,
                         const float* stats, float* dy, std::int64_t lddy) {
  if (norm.gradient) kernels::rmsnorm_backward_weight(rms(norm, rows, heads), x, ldx, stats, dy, lddy, norm.gradient);
  kernels::rmsnorm_backward(rms(norm, rows, heads), x, ldx, norm.weight, stats, dy, lddy, 0, dy, lddy);
}

}  // namespace luthier::model
