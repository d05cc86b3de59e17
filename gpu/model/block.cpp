#include "gpu/model/block.hpp"

#include <cstring>

#include "gpu/kernels/reduce.hpp"
#include "gpu/model/parts.hpp"

namespace luthier::model {
namespace {

void copy(const Pass& pass, const float* from, float* to) {
  if (from != to) std::memcpy(to, from, static_cast<std::size_t>(pass.tokens() * pass.hidden()) * sizeof(float));
}

void run(const Pass& pass, const Block& block, BlockBuffers& b, const float* x, float beta, float* y) {
  std::visit([&](const auto& part) { part_forward(pass, block.shape, part, b, x, beta, y); }, block.part);
}

}  // namespace

void block_forward(const Pass& pass, const Block& block, BlockBuffers& b, float* out) {
  float* normed = pass.ws.normed;
  const float* x = b.x;
  if (block.input_norm) {
    norm_forward(block.input_norm, pass.tokens(), b.x, normed, b.input_stats);
    x = normed;
  }
  if (!block.output_norm) {
    if (out) copy(pass, b.x, out);
    run(pass, block, b, x, 1, out);
  } else if (block.shape.norm_of_sum) {
    copy(pass, b.x, b.raw);
    run(pass, block, b, x, 1, b.raw);
    norm_forward(block.output_norm, pass.tokens(), b.raw, out ? out : normed, b.output_stats);
  } else {
    run(pass, block, b, x, 0, b.raw);
    norm_forward(block.output_norm, pass.tokens(), b.raw, normed, b.output_stats);
    if (!out) return;
    copy(pass, b.x, out);
    kernels::add(pass.tokens() * pass.hidden(), normed, out);
  }
}

void block_backward(const Pass& pass, const Block& block, BlockBuffers& b, bool below) {
  Workspace& ws = pass.ws;
  const float* dy = ws.dx;
  if (block.output_norm) {
    float* through = block.shape.norm_of_sum ? ws.dx : ws.draw;  // what is left of dx goes past the part
    norm_backward(block.output_norm, pass.tokens(), b.raw, b.output_stats, ws.dx, 0, through);
    dy = through;
  }
  const float* x = b.x;
  if (block.input_norm) {  // computed again: reading it back from memory would cost as much
    norm_forward(block.input_norm, pass.tokens(), b.x, ws.normed, nullptr);
    x = ws.normed;
  }
  float* dx = below || block.input_norm.gradient ? ws.dnormed : nullptr;
  std::visit([&](const auto& part) { part_backward(pass, block.shape, part, b, x, dy, dx); }, block.part);
  if (!dx) return;
  if (block.input_norm)
    norm_backward(block.input_norm, pass.tokens(), b.x, b.input_stats, dx, 1, below ? ws.dx : nullptr);
  else
    kernels::add(pass.tokens() * pass.hidden(), dx, ws.dx);
}

}  // namespace luthier::model
