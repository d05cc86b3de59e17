#include "gpu/model/head.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/kernels/cross_entropy.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/soft_cap.hpp"

namespace luthier::model {
namespace {

struct Chunk {
  std::int64_t first, rows;
};

template <class Visit>
void for_each_chunk(std::int64_t rows, const Workspace& ws, Visit visit) {
  for (std::int64_t first = 0; first < rows; first += ws.size.head_chunk)
    visit(Chunk{first, std::min(ws.size.head_chunk, rows - first)});
}

std::int64_t head_rows(const Batch& batch) { return static_cast<std::int64_t>(batch.head_rows.size()); }

// [rows, hidden] after the final norm, if there is one.
const float* normed(const Network& network, const Chunk& chunk, const float* x, Workspace& ws) {
  if (!network.final_norm) return x;
  norm_forward(network.final_norm, chunk.rows, x, ws.head_normed, ws.head_stats);
  return ws.head_normed;
}

void chunk_logits(const Network& network, const Batch& batch, const Chunk& chunk, const Dropout& dropout, Workspace& ws) {
  kernels::gather_rows(chunk.rows, network.decoder.hidden_size, ws.out, batch.head_rows.data() + chunk.first, ws.head_x);
  const float* x = normed(network, chunk, ws.head_x, ws);
  project(network.head, chunk.rows, x, 0, ws.logits, ws.head_shrunk, dropout, ws.scratch);
  const auto cap = static_cast<float>(network.decoder.logit_softcap);
  if (cap > 0) kernels::soft_cap(chunk.rows * network.decoder.vocab_size, cap, ws.logits, ws.head_slopes);
}

// From the logits' gradient, which has taken their place, down to the residual stream.
void chunk_backward(const Network& network, const Batch& batch, const Chunk& chunk, const Dropout& dropout, Workspace& ws) {
  const std::int64_t hidden = network.decoder.hidden_size;
  if (ws.head_slopes) kernels::multiply(chunk.rows * network.decoder.vocab_size, ws.head_slopes, ws.logits);
  const float *x = network.final_norm ? ws.head_normed : ws.head_x, *dx = ws.head_dnormed;
  ProjectionScratch scratch = ws.scratch;
  if (!network.head.gain) scratch.bfloat16.output = reinterpret_cast<kernels::Bfloat16*>(ws.logits);  // as large as it is, and read once
  project_backward(network.head, chunk.rows, x, ws.head_shrunk, ws.logits, ws.head_dnormed, dropout, scratch);
  if (network.final_norm) {
    norm_backward(network.final_norm, chunk.rows, ws.head_x, ws.head_stats, ws.head_dnormed, 0, ws.head_dx);
    dx = ws.head_dx;
  }
  kernels::scatter_add_rows(chunk.rows, hidden, dx, batch.head_rows.data() + chunk.first, ws.dx);
}

}  // namespace

double loss(const Network& network, const Batch& batch, Workspace& ws) {
  double total = 0;
  for_each_chunk(head_rows(batch), ws, [&](const Chunk& chunk) {
    chunk_logits(network, batch, chunk, {}, ws);
    total += kernels::cross_entropy(chunk.rows, network.decoder.vocab_size, ws.logits, batch.targets.data() + chunk.first, 0,
                                    nullptr, nullptr);
  });
  return total;
}

double loss_and_gradient(const Network& network, const Batch& batch, float gradient_scale, const PassDropout& dropout,
                         Workspace& ws) {
  return loss_and_gradient_by(network, batch, dropout, ws, [&](std::int64_t first, std::int64_t rows, float* logits) {
    return kernels::cross_entropy(rows, network.decoder.vocab_size, logits, batch.targets.data() + first, gradient_scale, logits,
                                  nullptr);
  });
}

double loss_and_gradient_by(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& ws,
                            const LogitsGradient& gradient) {
  const Dropout of_head = dropout.of(network.decoder.layers.size(), 0);
  std::memset(ws.dx, 0, static_cast<std::size_t>(batch.tokens() * network.decoder.hidden_size) * sizeof(float));
  double total = 0;
  for_each_chunk(head_rows(batch), ws, [&](const Chunk& chunk) {
    chunk_logits(network, batch, chunk, of_head, ws);
    total += gradient(chunk.first, chunk.rows, ws.logits);
    chunk_backward(network, batch, chunk, of_head, ws);
  });
  return total;
}

const float* chunk_logits(const Network& network, const Batch& batch, std::int64_t first, std::int64_t rows, const PassDropout& dropout,
                          Workspace& ws) {
  chunk_logits(network, batch, Chunk{first, rows}, dropout.of(network.decoder.layers.size(), 0), ws);
  return ws.logits;
}

void logits(const Network& network, const Batch& batch, Workspace& ws,
            const std::function<void(std::int64_t, std::int64_t, const float*)>& visit) {
  for_each_chunk(head_rows(batch), ws, [&](const Chunk& chunk) {
    chunk_logits(network, batch, chunk, {}, ws);
    visit(chunk.first, chunk.rows, ws.logits);
  });
}

void hidden_states(const Network& network, const Batch& batch, Workspace& ws,
                   const std::function<void(std::int64_t, std::int64_t, const float*)>& visit) {
  for_each_chunk(batch.tokens(), ws, [&](const Chunk& chunk) {
    visit(chunk.first, chunk.rows, normed(network, chunk, ws.out + chunk.first * network.decoder.hidden_size, ws));
  });
}

void hidden_states_gradient(const Network& network, const Batch& batch, const float* gradient, Workspace& ws) {
  const std::int64_t hidden = network.decoder.hidden_size;
  if (!network.final_norm) {
    std::memcpy(ws.dx, gradient, static_cast<std::size_t>(batch.tokens() * hidden) * sizeof(float));
    return;
  }
  for_each_chunk(batch.tokens(), ws, [&](const Chunk& chunk) {
    const std::int64_t at = chunk.first * hidden;
    normed(network, chunk, ws.out + at, ws);
    norm_backward(network.final_norm, chunk.rows, ws.out + at, ws.head_stats, gradient + at, 0, ws.dx + at);
  });
}

}  // namespace luthier::model
