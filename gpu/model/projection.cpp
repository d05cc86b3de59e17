#include "gpu/model/projection.hpp"

#include <algorithm>

#include "gpu/kernels/bfloat16.hpp"
#include "gpu/kernels/bias.hpp"
#include "gpu/kernels/gemm.hpp"
#include "gpu/kernels/random.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/model/dora.hpp"
#include "gpu/model/stored_linear.hpp"

namespace luthier::model {
namespace {

using kernels::gemm;
using kernels::Transpose;

// Parts whose weights lie one after the other in memory are one product.
struct Run {
  std::int64_t first, out;
  const float* weight;
  float* weight_gradient;
  StoredMatrix stored;
};

std::vector<Run> runs_of(const Projection& p) {
  std::vector<Run> runs;
  for (const LinearPart& part : p.parts) {
    const bool continues =
        !p.turned && !runs.empty() && part.weight && part.weight == runs.back().weight + runs.back().out * p.in &&
        (part.weight_gradient == nullptr) == (runs.back().weight_gradient == nullptr) &&
        (part.weight_gradient == nullptr || part.weight_gradient == runs.back().weight_gradient + runs.back().out * p.in);
    if (continues)
      runs.back().out += part.out;
    else
      runs.push_back({part.first, part.out, part.weight, part.weight_gradient, part.stored});
  }
  return runs;
}

void run_forward(const Projection& p, const Run& run, std::int64_t rows, const float* x, float beta, float* y, const ProjectionScratch& scratch) {
  if (run.stored) return stored_forward({run.stored, p.in, run.out, p.turned}, rows, x, p.in, beta, y + run.first, p.out, scratch.weight);
  if (p.turned)
    return gemm(Transpose::no, Transpose::no, rows, run.out, p.in, 1, x, p.in, run.weight, run.out, beta, y + run.first, p.out);
  gemm(Transpose::no, Transpose::yes, rows, run.out, p.in, 1, x, p.in, run.weight, p.in, beta, y + run.first, p.out);
}

void run_weight_gradient(const Projection& p, const Run& run, std::int64_t rows, const float* x, const float* dy) {
  if (p.turned)
    return gemm(Transpose::yes, Transpose::no, p.in, run.out, rows, 1, x, p.in, dy + run.first, p.out, 1, run.weight_gradient, run.out);
  gemm(Transpose::yes, Transpose::no, run.out, p.in, rows, 1, dy + run.first, p.out, x, p.in, 1, run.weight_gradient, p.in);
}

void run_backward(const Projection& p, const Run& run, std::int64_t rows, const float* dy, float beta, float* dx, const ProjectionScratch& scratch) {
  if (run.stored) return stored_backward({run.stored, p.in, run.out, p.turned}, rows, dy + run.first, p.out, beta, dx, p.in, scratch.weight);
  if (p.turned)
    return gemm(Transpose::no, Transpose::yes, rows, p.in, run.out, 1, dy + run.first, p.out, run.weight, run.out, beta, dx, p.in);
  gemm(Transpose::no, Transpose::no, rows, p.in, run.out, 1, dy + run.first, p.out, run.weight, p.in, beta, dx, p.in);
}

Dropout of_part(Dropout dropout, const LowRankPart& low) {
  dropout.stream += static_cast<std::uint64_t>(low.part);
  return dropout;
}

void drop(const Dropout& dropout, std::int64_t count, const float* x, float* y) {
  kernels::dropout(count, dropout.rate, dropout.seed, dropout.stream, x, y);
}

void shrink(const Projection& p, std::int64_t rows, const float* x, float* shrunk, const Dropout& dropout,
            const ProjectionScratch& scratch) {
  if (dropout.rate == 0)
    return gemm(Transpose::no, Transpose::yes, rows, p.rank, p.in, 1, x, p.in, p.a, p.in, 0, shrunk, p.rank);
  for (const LowRankPart& low : p.low_rank) {
    drop(of_part(dropout, low), rows * p.in, x, scratch.input);
    gemm(Transpose::no, Transpose::yes, rows, low.r, p.in, 1, scratch.input, p.in, p.a + low.first * p.in, p.in, 0,
         shrunk + low.first, p.rank);
  }
}

// y += scale * (x A^T) B^T
void expand(const Projection& p, const LowRankPart& low, std::int64_t rows, const float* shrunk, float* y) {
  gemm(Transpose::no, Transpose::yes, rows, low.out, low.r, low.scale, shrunk + low.first, p.rank, low.b, low.r, 1, y + low.first_column,
       p.out);
}

void add_biases(const Projection& p, std::int64_t rows, float* y) {
  for (const LinearPart& part : p.parts)
    if (part.bias) kernels::add_bias(rows, part.out, part.bias, y + part.first, p.out);
}

// The part that an adapter belongs to, alone.
Run run_of(const Projection& p, const LowRankPart& low) {
  const LinearPart& part = p.parts[static_cast<std::size_t>(low.part)];
  return {part.first, part.out, part.weight, part.weight_gradient, part.stored};
}

// See dora.hpp. Behind x A^T the backward pass finds z = x (W + scale * B A)^T of the input that the adapter read, [rows, out].
void dora_forward(const Projection& p, std::int64_t rows, const float* x, float beta, float* y, float* shrunk, const Dropout& dropout,
                  const ProjectionScratch& scratch) {
  float* z = shrunk + rows * p.rank;
  shrink(p, rows, x, shrunk, dropout, scratch);
  if (dropout.rate == 0) {
    for (const Run& run : runs_of(p)) run_forward(p, run, rows, x, 0, z, scratch);
    for (const LowRankPart& low : p.low_rank) expand(p, low, rows, shrunk, z);
    if (y) scale_columns(rows, p.out, p.out, p.gain, z, beta, y);
  } else {
    if (y)
      for (const Run& run : runs_of(p)) run_forward(p, run, rows, x, beta, y, scratch);
    for (const LowRankPart& low : p.low_rank) {
      float* const own = z + low.first_column;
      drop(of_part(dropout, low), rows * p.in, x, scratch.input);
      run_forward(p, run_of(p, low), rows, scratch.input, 0, z, scratch);
      if (y) subtract(rows, low.out, p.out, own, y + low.first_column);
      expand(p, low, rows, shrunk, z);
      if (y) scale_columns(rows, low.out, p.out, p.gain + low.first_column, own, 1, y + low.first_column);
    }
  }
  if (y) add_biases(p, rows, y);
}

// The magnitudes' gradients; then dz = gain ⊙ dy, in z's place.
void dora_backward(const Projection& p, std::int64_t rows, const float* dy, float* z) {
  for (const LowRankPart& low : p.low_rank)
    if (low.magnitude_gradient)
      magnitude_gradient(rows, low.out, p.out, dy + low.first_column, z + low.first_column, p.norm + low.first_column, low.magnitude_gradient);
  scale_columns(rows, p.out, p.out, p.gain, dy, 0, z);
}

// What the base says of the dropped inputs counts gain - 1 times: dx += mask ⊙ ((dz - dy) W).
void dora_dropped_backward(const Projection& p, std::int64_t rows, const float* dy, float* dz, float* dx, const Dropout& dropout,
                           const ProjectionScratch& scratch) {
  for (const LowRankPart& low : p.low_rank) {
    subtract(rows, low.out, p.out, dy + low.first_column, dz + low.first_column);
    run_backward(p, run_of(p, low), rows, dz, 0, scratch.input, scratch);
    drop(of_part(dropout, low), rows * p.in, scratch.input, scratch.input);
    kernels::add(rows * p.in, scratch.input, dx);
  }
}

// scratch.low_rank = scale * dy B for every adapter, side by side as in x A^T.
void shrink_gradient(const Projection& p, std::int64_t rows, const float* dy, float* shrunk_gradient) {
  for (const LowRankPart& low : p.low_rank) {
    gemm(Transpose::no, Transpose::no, rows, low.r, low.out, low.scale, dy + low.first_column, p.out, low.b, low.r, 0,
         shrunk_gradient + low.first, p.rank);
  }
}

void low_rank_backward(const Projection& p, std::int64_t rows, const float* x, const float* shrunk, const float* dy, float* dx,
                       const Dropout& dropout, const ProjectionScratch& scratch) {
  for (const LowRankPart& low : p.low_rank) {
    if (!low.b_gradient) continue;
    gemm(Transpose::yes, Transpose::no, low.out, low.r, rows, low.scale, dy + low.first_column, p.out, shrunk + low.first, p.rank, 1,
         low.b_gradient, low.r);
  }
  shrink_gradient(p, rows, dy, scratch.low_rank);
  if (dropout.rate == 0) {
    if (p.a_gradient)
      gemm(Transpose::yes, Transpose::no, p.rank, p.in, rows, 1, scratch.low_rank, p.rank, x, p.in, 1, p.a_gradient, p.in);
    if (dx) gemm(Transpose::no, Transpose::no, rows, p.in, p.rank, 1, scratch.low_rank, p.rank, p.a, p.in, 1, dx, p.in);
    return;
  }
  for (const LowRankPart& low : p.low_rank) {
    const float* gradient = scratch.low_rank + low.first;
    const Dropout mask = of_part(dropout, low);
    if (p.a_gradient) {
      drop(mask, rows * p.in, x, scratch.input);
      gemm(Transpose::yes, Transpose::no, low.r, p.in, rows, 1, gradient, p.rank, scratch.input, p.in, 1,
           p.a_gradient + low.first * p.in, p.in);
    }
    if (!dx) continue;
    gemm(Transpose::no, Transpose::no, rows, p.in, low.r, 1, gradient, p.rank, p.a + low.first * p.in, p.in, 0,
         scratch.input, p.in);
    drop(mask, rows * p.in, scratch.input, scratch.input);
    kernels::add(rows * p.in, scratch.input, dx);
  }
}

}  // namespace

bool Projection::trains() const {
  return a_gradient != nullptr ||
         std::any_of(parts.begin(), parts.end(), [](const LinearPart& part) { return part.weight_gradient != nullptr; });
}

void project(const Projection& p, std::int64_t rows, const float* x, float beta, float* y, float* shrunk,
             const Dropout& dropout, const ProjectionScratch& scratch) {
  if (!y && !p.gain) {
    if (p.rank > 0) shrink(p, rows, x, shrunk, dropout, scratch);
    return;
  }
  if (p.bfloat16_inputs) {
    kernels::round_to_bfloat16(rows * p.in, x, scratch.input);
    x = scratch.input;
  }
  if (p.gain) return dora_forward(p, rows, x, beta, y, shrunk, dropout, scratch);
  for (const Run& run : runs_of(p)) run_forward(p, run, rows, x, beta, y, scratch);
  add_biases(p, rows, y);
  if (p.rank == 0) return;
  shrink(p, rows, x, shrunk, dropout, scratch);
  for (const LowRankPart& low : p.low_rank) expand(p, low, rows, shrunk, y);
}

void project_backward(const Projection& p, std::int64_t rows, const float* x, float* shrunk, const float* dy, float* dx,
                      const Dropout& dropout, const ProjectionScratch& scratch) {
  float* const dz = p.gain ? shrunk + rows * p.rank : nullptr;
  if (dz) dora_backward(p, rows, dy, dz);
  const float *of_base = dz && dropout.rate == 0 ? dz : dy, *of_adapter = dz ? dz : dy;
  float beta = 0;
  for (const Run& run : runs_of(p)) {
    if (run.weight_gradient) run_weight_gradient(p, run, rows, x, dy);
    if (dx) run_backward(p, run, rows, of_base, beta, dx, scratch);
    beta = 1;
  }
  for (const LinearPart& part : p.parts)
    if (part.bias_gradient) kernels::bias_backward(rows, part.out, dy + part.first, p.out, part.bias_gradient);
  if (p.rank > 0) low_rank_backward(p, rows, x, shrunk, of_adapter, dx, dropout, scratch);
  if (dz && dx && dropout.rate > 0) dora_dropped_backward(p, rows, dy, dz, dx, dropout, scratch);
}

}  // namespace luthier::model
