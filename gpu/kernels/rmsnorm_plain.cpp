// What rmsnorm means, in double and without a trick.
#include <cmath>

#include "gpu/kernels/rmsnorm.hpp"

namespace luthier::kernels::plain {

void rmsnorm_forward(const RmsNorm& n, const float* x, std::int64_t ldx, const float* weight, float* y, std::int64_t ldy,
                     float* inverse_rms) {
  for (std::int64_t r = 0; r < n.rows; ++r)
    for (std::int64_t h = 0; h < n.heads; ++h) {
      const float* in = x + r * ldx + h * n.width;
      float* out = y + r * ldy + h * n.width;
      double squares = 0;
      for (std::int64_t i = 0; i < n.width; ++i) squares += double(in[i]) * double(in[i]);
      const double inverse = 1.0 / std::sqrt(squares / double(n.width) + double(n.epsilon));
      for (std::int64_t i = 0; i < n.width; ++i) out[i] = float((double(n.offset) + double(weight[i])) * double(in[i]) * inverse);
      if (inverse_rms) inverse_rms[r * n.heads + h] = float(inverse);
    }
}

void rmsnorm_backward(const RmsNorm& n, const float* x, std::int64_t ldx, const float* weight, const float* inverse_rms,
                      const float* dy, std::int64_t lddy, float beta, float* dx, std::int64_t lddx) {
  for (std::int64_t r = 0; r < n.rows; ++r)
    for (std::int64_t h = 0; h < n.heads; ++h) {
      const float *in = x + r * ldx + h * n.width, *from = dy + r * lddy + h * n.width;
      float* to = dx + r * lddx + h * n.width;
      const double inverse = double(inverse_rms[r * n.heads + h]);
      double pull = 0;
      for (std::int64_t i = 0; i < n.width; ++i)
        pull += double(from[i]) * (double(n.offset) + double(weight[i])) * double(in[i]);
      for (std::int64_t i = 0; i < n.width; ++i) {
        const double g = double(from[i]) * (double(n.offset) + double(weight[i]));
        const double gradient = inverse * g - double(in[i]) * inverse * inverse * inverse * pull / double(n.width);
        to[i] = float(beta == 0.0f ? gradient : double(beta) * double(to[i]) + gradient);
      }
    }
}

void rmsnorm_backward_weight(const RmsNorm& n, const float* x, std::int64_t ldx, const float* inverse_rms, const float* dy,
                             std::int64_t lddy, float* dweight) {
  for (std::int64_t i = 0; i < n.width; ++i) {
    double total = 0;
    for (std::int64_t r = 0; r < n.rows; ++r)
      for (std::int64_t h = 0; h < n.heads; ++h)
        total += double(dy[r * lddy + h * n.width + i]) * double(x[r * ldx + h * n.width + i]) *
                 double(inverse_rms[r * n.heads + h]);
    dweight[i] += float(total);
  }
}

}  // namespace luthier::kernels::plain
