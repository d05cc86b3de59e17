// Rounding to bfloat16, the upper half of a float, to the nearest and to even when between two.
#pragma once

#include <cstdint>

namespace luthier::kernels {

// y[i] = the bfloat16 nearest to x[i], as a float. y may be x. Infinities stay, and no NaN becomes an infinity.
void round_to_bfloat16(std::int64_t count, const float* x, float* y);

}  // namespace luthier::kernels
