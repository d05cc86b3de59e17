// DoRA (arXiv 2402.09353) as PEFT computes it: W + scale * B A gives each row of a weight its direction, and a trained magnitude m its
// length, so y = gain ⊙ (x (W + scale * B A)^T) + bias with gain = m / ||W + scale * B A||, row by row. The norm counts as a constant
// in the gradient (the paper's section 4.3). Only the adapter's half reads the dropped input: what the base says of x itself stays, so
// with dropout y = x W^T - x' W^T + gain ⊙ (x' (W + scale * B A)^T) + bias.
#pragma once

#include <cstdint>
#include <functional>

namespace luthier::model {

struct Projection;

// Writes rows [first, first + count) of a weight, [count, in], whatever it is kept as.
using WeightRows = std::function<void(std::int64_t first, std::int64_t count, float* rows)>;

struct AdaptedWeight {
  std::int64_t out = 0, in = 0, r = 0;
  float scale = 0;
  const float *a = nullptr, *b = nullptr;  // [r, in], [out, r]
};

// norms[o] = ||W[o] + scale * (B A)[o]||. `room`: stored_room(out, in) floats.
void dora_norms(const AdaptedWeight& adapted, const WeightRows& weight, float* norms, float* room);

// m / norm. A row of zeros has no direction, and stays zero (PEFT has a NaN there).
float dora_gain(float magnitude, float norm);

// The norms and gains of a projection's adapters as they are now; 1 where a column has no adapter.
void refresh_gains(const Projection& projection, float* room);

// The rest is over [rows, width] with one leading dimension for both.
// y = beta * y + gain ⊙ x
void scale_columns(std::int64_t rows, std::int64_t width, std::int64_t ld, const float* gain, const float* x, float beta, float* y);
// y -= x
void subtract(std::int64_t rows, std::int64_t width, std::int64_t ld, const float* x, float* y);
// dm[c] += sum over rows of dy[r, c] * z[r, c] / norm[c], in row order; z = x (W + scale * B A)^T.
void magnitude_gradient(std::int64_t rows, std::int64_t width, std::int64_t ld, const float* dy, const float* z, const float* norm, float* dm);

}  // namespace luthier::model
