// The bias of a linear layer.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// y[r] += bias for every row; y: [rows, width] with leading dimension ldy.
void add_bias(std::int64_t rows, std::int64_t width, const float* bias, float* y, std::int64_t ldy);

// dbias[width] += sum over rows of dy, in row order.
void bias_backward(std::int64_t rows, std::int64_t width, const float* dy, std::int64_t lddy, float* dbias);

}  // namespace luthier::kernels
