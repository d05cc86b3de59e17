// What layernorm means, in double and without a trick.
#include <cmath>

#include "gpu/kernels/layernorm.hpp"

namespace luthier::kernels::plain {

void layernorm_forward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* bias, float epsilon,
                       float* y, float* stats) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * width;
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < width; ++i) mean += double(in[i]) / double(width);
    for (std::int64_t i = 0; i < width; ++i) variance += (double(in[i]) - mean) * (double(in[i]) - mean) / double(width);
    const double inverse = 1.0 / std::sqrt(variance + double(epsilon));
    for (std::int64_t i = 0; i < width; ++i)
      y[r * width + i] = float(double(weight[i]) * ((double(in[i]) - mean) * inverse) + double(bias[i]));
    if (!stats) continue;
    stats[2 * r] = float(mean);
    stats[2 * r + 1] = float(inverse);
  }
}

void layernorm_backward(std::int64_t rows, std::int64_t width, const float* x, const float* weight, const float* stats,
                        const float* dy, float beta, float* dx) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const double mean = double(stats[2 * r]), inverse = double(stats[2 * r + 1]);
    const auto normal = [&](std::int64_t i) { return (double(x[r * width + i]) - mean) * inverse; };
    const auto g = [&](std::int64_t i) { return double(dy[r * width + i]) * double(weight[i]); };
    double g_mean = 0, pull = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      g_mean += g(i) / double(width);
      pull += g(i) * normal(i) / double(width);
    }
    for (std::int64_t i = 0; i < width; ++i) {
      float& to = dx[r * width + i];
      const double gradient = inverse * (g(i) - g_mean - normal(i) * pull);
      to = float(beta == 0.0f ? gradient : double(beta) * double(to) + gradient);
    }
  }
}

void layernorm_backward_weight(std::int64_t rows, std::int64_t width, const float* x, const float* stats, const float* dy,
                               float* dweight, float* dbias) {
  for (std::int64_t i = 0; i < width; ++i) {
    double to_weight = 0, to_bias = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const double d = double(dy[r * width + i]);
      to_weight += d * (double(x[r * width + i]) - double(stats[2 * r])) * double(stats[2 * r + 1]);
      to_bias += d;
    }
    dweight[i] += float(to_weight);
    dbias[i] += float(to_bias);
  }
}

}  // namespace luthier::kernels::plain
