#include "gpu/model/projection.hpp"

#include <algorithm>

#include "gpu/kernels/bfloat16.hpp"
#include "gpu/kernels/bias.hpp"
#include "gpu/kernels/random.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/model/dora.hpp"
#include "gpu/model/operand.hpp"
#include "gpu/model/stored_linear.hpp"

namespace luthier::model {
namespace {

using checkpoint::StoredKind;
using kernels::Transpose;

// Parts whose weights lie one after the other in memory are one product.
struct Run {
  std::int64_t first, out;
  const float* weight;
  float* weight_gradient;
  StoredMatrix stored;
};

bool continues(const Run& run, const LinearPart& part, const Projection& p) {
  const std::int64_t next = run.out * p.in;
  if (p.turned || (part.weight_gradient == nullptr) != (run.weight_gradient == nullptr)) return false;
  if (part.weight_gradient && part.weight_gradient != run.weight_gradient + next) return false;
  if (!part.stored && !run.stored) return part.weight && part.weight == run.weight + next;
  return p.bfloat16_products && part.stored.kind == StoredKind::bf16 && run.stored.kind == StoredKind::bf16 &&
         bfloat16_values(part.stored) == bfloat16_values(run.stored) + next;
}

std::vector<Run> runs_of(const Projection& p) {
  std::vector<Run> runs;
  for (const LinearPart& part : p.parts)
    if (!runs.empty() && continues(runs.back(), part, p))
      runs.back().out += part.out;
    else
      runs.push_back({part.first, part.out, part.weight, part.weight_gradient, part.stored});
  return runs;
}

Operand input_of(const Projection& p, std::int64_t rows, const float* x, const ProjectionScratch& scratch) {
  return operand(p.bfloat16_products, rows, p.in, 1, x, p.in, scratch.bfloat16.input);
}

Operand output_of(const Projection& p, std::int64_t rows, const float* dy, const ProjectionScratch& scratch) {
  return operand(p.bfloat16_products, rows, p.out, 1, dy, p.out, scratch.bfloat16.output);
}

// Columns of x A^T, or of its gradient.
Operand shrunk_of(const Projection& p, std::int64_t rows, std::int64_t rank, float scale, const float* shrunk, const ProjectionScratch& scratch) {
  return operand(p.bfloat16_products, rows, rank, scale, shrunk, p.rank, scratch.bfloat16.low_rank);
}

Operand a_of(const Projection& p, std::int64_t first, std::int64_t rank, const ProjectionScratch& scratch) {
  return operand(p.bfloat16_products, rank, p.in, 1, p.a + first * p.in, p.in, scratch.bfloat16.a);
}

Operand b_of(const Projection& p, const LowRankPart& low, float scale, const ProjectionScratch& scratch) {
  return operand(p.bfloat16_products, low.out, low.r, scale, low.b, low.r, scratch.bfloat16.b);
}

void run_forward(const Projection& p, const Run& run, std::int64_t rows, const Operand& x, float beta, float* y, const ProjectionScratch& scratch) {
  if (run.stored) return stored_forward({run.stored, p.in, run.out, p.turned}, rows, x, beta, y + run.first, p.out, scratch.weight);
  const Operand weight{.wide = run.weight, .ld = p.turned ? run.out : p.in};
  multiply(Transpose::no, p.turned ? Transpose::no : Transpose::yes, rows, run.out, p.in, x, weight, beta, y + run.first, p.out);
}

void run_weight_gradient(const Projection& p, const Run& run, std::int64_t rows, const Operand& x, const Operand& dy) {
  const Operand own = dy.from(run.first);
  if (p.turned) return multiply(Transpose::yes, Transpose::no, p.in, run.out, rows, x, own, 1, run.weight_gradient, run.out);
  multiply(Transpose::yes, Transpose::no, run.out, p.in, rows, own, x, 1, run.weight_gradient, p.in);
}

void run_backward(const Projection& p, const Run& run, std::int64_t rows, const Operand& dy, float beta, float* dx, const ProjectionScratch& scratch) {
  const Operand own = dy.from(run.first);
  if (run.stored) return stored_backward({run.stored, p.in, run.out, p.turned}, rows, own, beta, dx, p.in, scratch.weight);
  const Operand weight{.wide = run.weight, .ld = p.turned ? run.out : p.in};
  multiply(Transpose::no, p.turned ? Transpose::yes : Transpose::no, rows, p.in, run.out, own, weight, beta, dx, p.in);
}

Dropout of_part(Dropout dropout, const LowRankPart& low) {
  dropout.stream += static_cast<std::uint64_t>(low.part);
  return dropout;
}

void drop(const Dropout& dropout, std::int64_t count, const float* x, float* y) {
  kernels::dropout(count, dropout.rate, dropout.seed, dropout.stream, x, y);
}

// What an adapter reads where inputs are dropped.
Operand dropped_input(const Projection& p, const LowRankPart& low, std::int64_t rows, const float* x, const Dropout& dropout,
                      const ProjectionScratch& scratch) {
  drop(of_part(dropout, low), rows * p.in, x, scratch.input);
  return input_of(p, rows, scratch.input, scratch);
}

// `x` is what the products read, `wide` the same as f32, for dropout, which takes x's place.
void shrink(const Projection& p, std::int64_t rows, const float* wide, const Operand& x, float* shrunk, const Dropout& dropout,
            const ProjectionScratch& scratch) {
  if (dropout.rate == 0)
    return multiply(Transpose::no, Transpose::yes, rows, p.rank, p.in, x, a_of(p, 0, p.rank, scratch), 0, shrunk, p.rank);
  for (const LowRankPart& low : p.low_rank)
    multiply(Transpose::no, Transpose::yes, rows, low.r, p.in, dropped_input(p, low, rows, wide, dropout, scratch),
             a_of(p, low.first, low.r, scratch), 0, shrunk + low.first, p.rank);
}

// y += scale * (x A^T) B^T
void expand(const Projection& p, const LowRankPart& low, std::int64_t rows, const float* shrunk, float* y, const ProjectionScratch& scratch) {
  multiply(Transpose::no, Transpose::yes, rows, low.out, low.r, shrunk_of(p, rows, low.r, low.scale, shrunk + low.first, scratch),
           b_of(p, low, 1, scratch), 1, y + low.first_column, p.out);
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
  Operand input = input_of(p, rows, x, scratch);
  if (dropout.rate == 0) {
    for (const Run& run : runs_of(p)) run_forward(p, run, rows, input, 0, z, scratch);
    shrink(p, rows, x, input, shrunk, dropout, scratch);
    for (const LowRankPart& low : p.low_rank) expand(p, low, rows, shrunk, z, scratch);
    if (y) scale_columns(rows, p.out, p.out, p.gain, z, beta, y);
  } else {
    if (y)
      for (const Run& run : runs_of(p)) run_forward(p, run, rows, input, beta, y, scratch);
    shrink(p, rows, x, input, shrunk, dropout, scratch);
    for (const LowRankPart& low : p.low_rank) {
      float* const own = z + low.first_column;
      input = dropped_input(p, low, rows, x, dropout, scratch);
      run_forward(p, run_of(p, low), rows, input, 0, z, scratch);
      if (y) subtract(rows, low.out, p.out, own, y + low.first_column);
      expand(p, low, rows, shrunk, z, scratch);
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
    run_backward(p, run_of(p, low), rows, output_of(p, rows, dz, scratch), 0, scratch.input, scratch);
    drop(of_part(dropout, low), rows * p.in, scratch.input, scratch.input);
    kernels::add(rows * p.in, scratch.input, dx);
  }
}

// scratch.low_rank = scale * dy B for every adapter, side by side as in x A^T.
void shrink_gradient(const Projection& p, std::int64_t rows, const Operand& dy, const ProjectionScratch& scratch) {
  for (const LowRankPart& low : p.low_rank)
    multiply(Transpose::no, Transpose::no, rows, low.r, low.out, dy.from(low.first_column), b_of(p, low, low.scale, scratch), 0,
             scratch.low_rank + low.first, p.rank);
}

void low_rank_backward(const Projection& p, std::int64_t rows, const float* wide, const Operand& x, const float* shrunk, const Operand& dy,
                       float* dx, const Dropout& dropout, const ProjectionScratch& scratch) {
  for (const LowRankPart& low : p.low_rank) {
    if (!low.b_gradient) continue;
    multiply(Transpose::yes, Transpose::no, low.out, low.r, rows, dy.from(low.first_column),
             shrunk_of(p, rows, low.r, low.scale, shrunk + low.first, scratch), 1, low.b_gradient, low.r);
  }
  shrink_gradient(p, rows, dy, scratch);
  if (dropout.rate == 0) {
    const Operand gradient = shrunk_of(p, rows, p.rank, 1, scratch.low_rank, scratch);
    if (p.a_gradient) multiply(Transpose::yes, Transpose::no, p.rank, p.in, rows, gradient, x, 1, p.a_gradient, p.in);
    if (dx) multiply(Transpose::no, Transpose::no, rows, p.in, p.rank, gradient, a_of(p, 0, p.rank, scratch), 1, dx, p.in);
    return;
  }
  for (const LowRankPart& low : p.low_rank) {
    const Operand gradient = shrunk_of(p, rows, low.r, 1, scratch.low_rank + low.first, scratch);
    if (p.a_gradient)
      multiply(Transpose::yes, Transpose::no, low.r, p.in, rows, gradient, dropped_input(p, low, rows, wide, dropout, scratch), 1,
               p.a_gradient + low.first * p.in, p.in);
    if (!dx) continue;
    multiply(Transpose::no, Transpose::no, rows, p.in, low.r, gradient, a_of(p, low.first, low.r, scratch), 0, scratch.input, p.in);
    drop(of_part(dropout, low), rows * p.in, scratch.input, scratch.input);
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
    if (p.rank > 0) shrink(p, rows, x, input_of(p, rows, x, scratch), shrunk, dropout, scratch);
    return;
  }
  if (p.bfloat16_inputs) {
    kernels::round_to_bfloat16(rows * p.in, x, scratch.input);
    x = scratch.input;
  }
  if (p.gain) return dora_forward(p, rows, x, beta, y, shrunk, dropout, scratch);
  const Operand input = input_of(p, rows, x, scratch);
  for (const Run& run : runs_of(p)) run_forward(p, run, rows, input, beta, y, scratch);
  add_biases(p, rows, y);
  if (p.rank == 0) return;
  shrink(p, rows, x, input, shrunk, dropout, scratch);
  for (const LowRankPart& low : p.low_rank) expand(p, low, rows, shrunk, y, scratch);
}

void project_backward(const Projection& p, std::int64_t rows, const float* x, float* shrunk, const float* dy, float* dx,
                      const Dropout& dropout, const ProjectionScratch& scratch) {
  float* const dz = p.gain ? shrunk + rows * p.rank : nullptr;
  if (dz) dora_backward(p, rows, dy, dz);
  for (const LinearPart& part : p.parts)
    if (part.bias_gradient) kernels::bias_backward(rows, part.out, dy + part.first, p.out, part.bias_gradient);
  const float *of_base = dz && dropout.rate == 0 ? dz : dy, *of_adapter = dz ? dz : dy;
  const Operand input = p.trains() ? input_of(p, rows, x, scratch) : Operand{};
  Operand output = output_of(p, rows, of_base, scratch);
  float beta = 0;
  for (const Run& run : runs_of(p)) {
    if (run.weight_gradient) run_weight_gradient(p, run, rows, input, output);
    if (dx) run_backward(p, run, rows, output, beta, dx, scratch);
    beta = 1;
  }
  if (of_adapter != of_base) output = output_of(p, rows, of_adapter, scratch);
  if (p.rank > 0) low_rank_backward(p, rows, x, input, shrunk, output, dx, dropout, scratch);
  if (dz && dx && dropout.rate > 0) dora_dropped_backward(p, rows, dy, dz, dx, dropout, scratch);
}

}  // namespace luthier::model
