// Linear layers that read the same input, with their adapters: y = x W^T + bias + scale * (x A^T) B^T; of DoRA see dora.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/checkpoint/stored_matrix.hpp"
#include "gpu/kernels/bfloat16.hpp"

namespace luthier::model {

struct LinearPart {
  std::int64_t out = 0;
  std::int64_t first = 0;            // its first column in the group's output
  const float* weight = nullptr;     // [out, in], or turned; nullptr: kept in fewer bits
  checkpoint::StoredMatrix stored{};  // those, in place of a frozen weight; or a trained one's bf16 copy, which the products read
  const float* bias = nullptr;       // [out]; nullptr: none
  float* weight_gradient = nullptr;  // added to; nullptr: frozen
  float* bias_gradient = nullptr;
};

struct LowRankPart {
  std::int64_t part = 0;
  std::int64_t first_column = 0, out = 0;  // the columns of the group's output that it adds to
  std::int64_t first = 0;  // its first column in the group's x A^T
  std::int64_t r = 0;
  float scale = 0;
  const float* b = nullptr;     // [out, r]
  float* b_gradient = nullptr;  // added to; nullptr: frozen
  const float* magnitude = nullptr;     // [out]; nullptr: plain LoRA
  float* magnitude_gradient = nullptr;  // added to; nullptr: frozen
};

struct Projection {
  std::int64_t in = 0, out = 0;  // out: of all parts together
  bool turned = false;           // weights are stored [in, out]: y = x W
  std::vector<LinearPart> parts{};

  std::int64_t rank = 0;         // of all adapters together
  const float* a = nullptr;      // [rank, in]
  float* a_gradient = nullptr;
  std::vector<LowRankPart> low_rank{};
  float *gain = nullptr, *norm = nullptr;  // [out] of DoRA, as refresh_gains() found them; nullptr: no adapter here, or plain LoRA

  bool bfloat16_products = false;  // both operands of each product are rounded; sums are f32. Every part has its weight in `stored`
  bool bfloat16_inputs = false;  // x is rounded before the products, as weights held in bfloat16 want it; forward only

  bool trains() const;
};

// Dropout on the adapters' input, each adapter with a mask of its own, as PEFT has it.
struct Dropout {
  double rate = 0;
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  // of this pass and group; part p of the group takes stream + p
};

// Where the operands of bf16 products are rounded to.
struct Bfloat16Scratch {
  kernels::Bfloat16 *input = nullptr, *output = nullptr;  // [rows, largest in], [rows, largest out]; the latter for the backward pass
  kernels::Bfloat16 *low_rank = nullptr, *a = nullptr, *b = nullptr;  // of adapters: [rows, rank], [rank, in], [out, r], each the largest
};

// What projections need besides their operands; all may be shared by all projections of a network.
struct ProjectionScratch {
  float* low_rank = nullptr;  // [rows, largest rank]
  float* input = nullptr;     // [rows, largest in], for dropped or rounded inputs only
  float* weight = nullptr;    // stored_room() of any matrix that is kept in fewer bits, or adapted with DoRA
  Bfloat16Scratch bfloat16{};  // for bf16 products only
};

// y: [rows, out] with leading dimension out; x: [rows, in]. beta 1 adds to y; y nullptr: only what backward needs is wanted.
// `shrunk`: [rows, rank], x A^T, kept for the backward pass, which destroys it; with DoRA [rows, out] more of it.
void project(const Projection& p, std::int64_t rows, const float* x, float beta, float* y, float* shrunk,
             const Dropout& dropout, const ProjectionScratch& scratch);

// dx: [rows, in], overwritten; nullptr: nothing below needs it. Adds to the gradients of whatever is not frozen.
// scratch.bfloat16.output may be dy's own memory, which is destroyed then; not of DoRA.
// The frozen weights' own gradient is never formed, and what belongs to an adapter is always as narrow as its rank.
void project_backward(const Projection& p, std::int64_t rows, const float* x, float* shrunk, const float* dy, float* dx,
                      const Dropout& dropout, const ProjectionScratch& scratch);

}  // namespace luthier::model
