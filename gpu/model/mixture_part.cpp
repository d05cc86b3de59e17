// A mixture of experts (arXiv 1701.06538): tokens are sorted by expert, and each expert's are one product. Experts follow one
// another, so that every sum has a fixed order.
#include <cstring>

#include "gpu/kernels/activation.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/gemm.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/kernels/router.hpp"
#include "gpu/model/parts.hpp"

namespace luthier::model {
namespace {

using kernels::gemm;
using kernels::Transpose;

kernels::Router router_of(const Pass& pass, const BlockShape& shape) {
  kernels::Router router = shape.router;
  router.tokens = pass.tokens();
  return router;
}

struct ExpertRows {
  std::int64_t first, count;
  const std::int32_t* tokens;
  const float* shares;
  float* gate_up;
  float *up_shrunk, *down_shrunk;
};

// Of each expert that has any.
template <class Visit>
void for_each_expert(const Pass& pass, const BlockShape& shape, const Mixture& part, const BlockBuffers& b, Visit visit) {
  for (std::size_t e = 0; e < part.experts.size(); ++e) {
    const std::int64_t first = b.first_row[e], count = b.first_row[e + 1] - first;
    // Without a backward pass experts share one buffer.
    const std::int64_t at = pass.ws.size.backward ? first : 0;
    if (count > 0)
      visit(part.experts[e], ExpertRows{first, count, b.token_of + first, b.sorted_shares + first, b.gate_up + at * shape.gate_up(),
                                        b.shrunk[0] + at * b.shrunk_ranks[0], b.shrunk[1] + at * b.shrunk_ranks[1]});
  }
}

void choose_experts(const Pass& pass, const BlockShape& shape, const Mixture& part, BlockBuffers& b, const float* x) {
  const kernels::Router router = router_of(pass, shape);
  project(part.router, pass.tokens(), x, 0, b.router, b.router_shrunk, {}, pass.ws.scratch);
  kernels::route(router, b.router, b.chosen, b.shares);
  kernels::sort_by_expert(router, b.chosen, b.first_row, b.row_of, b.token_of);
  for (std::int64_t i = 0; i < router.rows(); ++i) b.sorted_shares[b.row_of[i]] = b.shares[i];
}

// From the gradients of the shares to the router's, and its part of dx.
void router_backward(const Pass& pass, const BlockShape& shape, const Mixture& part, const BlockBuffers& b, const float* x, float* dx) {
  const kernels::Router router = router_of(pass, shape);
  Workspace& ws = pass.ws;
  for (std::int64_t i = 0; i < router.rows(); ++i) ws.dshares[i] = ws.sorted_dshares[b.row_of[i]];
  kernels::route_backward(router, b.router, b.chosen, b.shares, ws.dshares, ws.drouter);
  project_backward(part.router, pass.tokens(), x, b.router_shrunk, ws.drouter, dx ? ws.expert_x : nullptr, {}, ws.scratch);
  if (dx) kernels::add(pass.tokens() * pass.hidden(), ws.expert_x, dx);
}

Projection frozen(Projection projection) {
  for (LinearPart& part : projection.parts) part.weight_gradient = part.bias_gradient = nullptr;
  projection.a_gradient = nullptr;
  for (LowRankPart& low : projection.low_rank) low.b_gradient = nullptr;
  return projection;
}

// dy of each row is that of its token, not yet times its share: so its product with what the expert computed is the share's
// gradient, and `activated` times the share makes every weight's gradient right.
void expert_backward(const Pass& pass, const BlockShape& shape, const Expert& expert, const ExpertRows& rows, const float* x,
                     const float* dy, float* dx) {
  Workspace& ws = pass.ws;
  const std::int64_t hidden = pass.hidden(), width = shape.width;
  float* dshares = ws.sorted_dshares + rows.first;
  kernels::gather_rows(rows.count, hidden, x, rows.tokens, ws.expert_x);
  kernels::gather_rows(rows.count, hidden, dy, rows.tokens, ws.expert_y);
  kernels::activation_forward(shape.activation, rows.count, width, rows.gate_up, ws.activated);
  if (expert.down_bias_gradient)
    gemm(Transpose::no, Transpose::no, 1, hidden, rows.count, 1, rows.shares, rows.count, ws.expert_y, hidden, 1,
         expert.down_bias_gradient, hidden);
  // The product with the unweighted activations needs dactivated first, the weights' gradients need the weighted ones.
  project_backward(frozen(expert.down), rows.count, ws.activated, rows.down_shrunk, ws.expert_y, ws.dactivated, {}, ws.scratch);
  kernels::dot_rows(rows.count, width, ws.dactivated, ws.activated, dshares);
  if (const float* bias = expert.down.parts.front().bias)
    gemm(Transpose::no, Transpose::no, rows.count, 1, hidden, 1, ws.expert_y, hidden, bias, 1, 1, dshares, 1);
  kernels::scale_rows(rows.count, width, rows.shares, ws.dactivated);
  if (expert.down.trains()) {
    kernels::scale_rows(rows.count, width, rows.shares, ws.activated);
    kernels::scale_rows(rows.count, expert.down.rank, rows.shares, rows.down_shrunk);
    project_backward(expert.down, rows.count, ws.activated, rows.down_shrunk, ws.expert_y, nullptr, {}, ws.scratch);
  }
  kernels::activation_backward(shape.activation, rows.count, width, rows.gate_up, ws.dactivated, rows.gate_up);
  project_backward(expert.gate_up, rows.count, ws.expert_x, rows.up_shrunk, rows.gate_up, dx ? ws.expert_y : nullptr, {}, ws.scratch);
  if (dx) kernels::scatter_add_distinct_rows(rows.count, hidden, ws.expert_y, rows.tokens, nullptr, dx);
}

}  // namespace

void part_forward(const Pass& pass, const BlockShape& shape, const Mixture& part, BlockBuffers& b, const float* x, float beta, float* y) {
  Workspace& ws = pass.ws;
  const std::int64_t hidden = pass.hidden();
  choose_experts(pass, shape, part, b, x);
  if (y && beta == 0.0f) std::memset(y, 0, static_cast<std::size_t>(pass.tokens() * hidden) * sizeof(float));
  for_each_expert(pass, shape, part, b, [&](const Expert& expert, const ExpertRows& rows) {
    kernels::gather_rows(rows.count, hidden, x, rows.tokens, ws.expert_x);
    project(expert.gate_up, rows.count, ws.expert_x, 0, rows.gate_up, rows.up_shrunk, {}, ws.scratch);
    kernels::activation_forward(shape.activation, rows.count, shape.width, rows.gate_up, ws.activated);
    project(expert.down, rows.count, ws.activated, 0, y ? ws.expert_y : nullptr, rows.down_shrunk, {}, ws.scratch);
    if (y) kernels::scatter_add_distinct_rows(rows.count, hidden, ws.expert_y, rows.tokens, rows.shares, y);
  });
}

void part_backward(const Pass& pass, const BlockShape& shape, const Mixture& part, BlockBuffers& b, const float* x, const float* dy,
                   float* dx) {
  if (dx) std::memset(dx, 0, static_cast<std::size_t>(pass.tokens() * pass.hidden()) * sizeof(float));
  for_each_expert(pass, shape, part, b,
                  [&](const Expert& expert, const ExpertRows& rows) { expert_backward(pass, shape, expert, rows, x, dy, dx); });
  router_backward(pass, shape, part, b, x, dx);
}

}  // namespace luthier::model
