// Over long arrays, with a value that does not depend on the number of threads: sums are of fixed blocks, added in order, in double.
#pragma once

#include <cstdint>

namespace luthier::kernels {

double sum_of_squares(std::int64_t count, const float* values);

// norms[r] = the length of row r of x[rows, width].
void row_norms(std::int64_t rows, std::int64_t width, const float* x, float* norms);

// y[count] += x
void add(std::int64_t count, const float* x, float* y);

// x[count] *= by
void scale(std::int64_t count, float by, float* x);

// The largest value; NaN never wins.
float max_of(std::int64_t count, const float* x);

// True when no value is infinite or not a number.
bool all_finite(std::int64_t count, const float* values);

}  // namespace luthier::kernels
