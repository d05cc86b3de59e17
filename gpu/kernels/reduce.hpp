// Sums over long arrays whose value does not depend on the number of threads: fixed blocks, added in order, in double.
#pragma once

#include <cstdint>

namespace luthier::kernels {

double sum_of_squares(std::int64_t count, const float* values);

// y[count] += x
void add(std::int64_t count, const float* x, float* y);

// x[count] *= by
void scale(std::int64_t count, float by, float* x);

// True when no value is infinite or not a number.
bool all_finite(std::int64_t count, const float* values);

}  // namespace luthier::kernels
