// bfloat16, the upper half of a float: rounding to the nearest, and to even when between two.
#pragma once

#include <cstdint>

namespace luthier::kernels {

struct Bfloat16 {
  std::uint16_t bits = 0;
  bool operator==(const Bfloat16&) const = default;
};

// y[i] = the bfloat16 nearest to x[i], as a float. y may be x. Infinities stay, and no NaN becomes an infinity.
void round_to_bfloat16(std::int64_t count, const float* x, float* y);

// y[r, i] = the bfloat16 nearest to scale * x[r, i], of [rows, width]; ldx and ldy are what lies between two rows. y may be x's own
// memory, row for row: then ldy must be 2 * ldx.
void narrow(std::int64_t rows, std::int64_t width, float scale, const float* x, std::int64_t ldx, Bfloat16* y, std::int64_t ldy);

// y[i] = x[i]; every bfloat16 is a float.
void widen(std::int64_t count, const Bfloat16* x, float* y);

}  // namespace luthier::kernels
