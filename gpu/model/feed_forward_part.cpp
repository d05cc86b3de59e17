#include "gpu/kernels/activation.hpp"
#include "gpu/model/parts.hpp"

namespace luthier::model {
namespace {

constexpr auto up_site = static_cast<std::size_t>(Site::gate_up), down_site = static_cast<std::size_t>(Site::down);

}  // namespace

void part_forward(const Pass& pass, const BlockShape& shape, const FeedForward& part, BlockBuffers& b, const float* x, float beta, float* y) {
  Workspace& ws = pass.ws;
  project(part.gate_up, pass.tokens(), x, 0, b.gate_up, b.shrunk[0], pass.dropout.of(shape.layer, up_site), ws.scratch);
  if (!y && part.down.rank == 0) return;
  kernels::activation_forward(shape.activation, pass.tokens(), shape.width, b.gate_up, ws.activated);
  project(part.down, pass.tokens(), ws.activated, beta, y, b.shrunk[1], pass.dropout.of(shape.layer, down_site), ws.scratch);
}

void part_backward(const Pass& pass, const BlockShape& shape, const FeedForward& part, BlockBuffers& b, const float* x, const float* dy,
                   float* dx) {
  Workspace& ws = pass.ws;
  kernels::activation_forward(shape.activation, pass.tokens(), shape.width, b.gate_up, ws.activated);
  project_backward(part.down, pass.tokens(), ws.activated, b.shrunk[1], dy, ws.dactivated, pass.dropout.of(shape.layer, down_site), ws.scratch);
  kernels::activation_backward(shape.activation, pass.tokens(), shape.width, b.gate_up, ws.dactivated, b.gate_up);
  project_backward(part.gate_up, pass.tokens(), x, b.shrunk[0], b.gate_up, dx, pass.dropout.of(shape.layer, up_site), ws.scratch);
}

}  // namespace luthier::model
