#include "gpu/model/head.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/kernels/cross_entropy.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/rmsnorm.hpp"

namespace luthier::model {
namespace {

struct Chunk {
  std::int64_t first, rows;
};

template <class Visit>
void for_each_chunk(const Batch& batch, const Workspace& ws, Visit visit) {
  const auto all = static_cast<std::int64_t>(batch.head_rows.size());
  for (std::int64_t first = 0; first < all; first += ws.size.head_chunk)
    visit(Chunk{first, std::min(ws.size.head_chunk, all - first)});
}

void chunk_logits(const Network& network, const Batch& batch, const Chunk& chunk, const Dropout& dropout, Workspace& ws) {
  const std::int64_t hidden = network.decoder.hidden_size;
  kernels::gather_rows(chunk.rows, hidden, ws.out, batch.head_rows.data() + chunk.first, ws.head_x);
  kernels::rmsnorm_forward(chunk.rows, hidden, ws.head_x, network.final_norm.weight,
                           static_cast<float>(network.decoder.rms_norm_eps), ws.head_normed, ws.head_inverse);
  project(network.head, chunk.rows, ws.head_normed, 0, ws.logits, ws.head_shrunk, dropout, ws.scratch);
}

// From the logits' gradient, which has taken their place, down to the residual stream.
void chunk_backward(const Network& network, const Batch& batch, const Chunk& chunk, const Dropout& dropout, Workspace& ws) {
  const std::int64_t hidden = network.decoder.hidden_size;
  project_backward(network.head, chunk.rows, ws.head_normed, ws.head_shrunk, ws.logits, ws.head_dnormed, dropout, ws.scratch);
  if (network.final_norm.gradient)
    kernels::rmsnorm_backward_weight(chunk.rows, hidden, ws.head_x, ws.head_inverse, ws.head_dnormed,
                                     network.final_norm.gradient);
  std::memset(ws.head_dx, 0, static_cast<std::size_t>(chunk.rows * hidden) * sizeof(float));
  kernels::rmsnorm_backward(chunk.rows, hidden, ws.head_x, network.final_norm.weight, ws.head_inverse, ws.head_dnormed,
                            ws.head_dx);
  kernels::scatter_add_rows(chunk.rows, hidden, ws.head_dx, batch.head_rows.data() + chunk.first, ws.dx);
}

}  // namespace

double loss(const Network& network, const Batch& batch, Workspace& ws) {
  double total = 0;
  for_each_chunk(batch, ws, [&](const Chunk& chunk) {
    chunk_logits(network, batch, chunk, {}, ws);
    total += kernels::cross_entropy(chunk.rows, network.decoder.vocab_size, ws.logits, batch.targets.data() + chunk.first, 0,
                                    nullptr, nullptr);
  });
  return total;
}

double loss_and_gradient(const Network& network, const Batch& batch, float gradient_scale, const PassDropout& dropout,
                         Workspace& ws) {
  const Dropout of_head = dropout.of(network.layers.size(), 0);
  std::memset(ws.dx, 0, static_cast<std::size_t>(batch.tokens() * network.decoder.hidden_size) * sizeof(float));
  double total = 0;
  for_each_chunk(batch, ws, [&](const Chunk& chunk) {
    chunk_logits(network, batch, chunk, of_head, ws);
    total += kernels::cross_entropy(chunk.rows, network.decoder.vocab_size, ws.logits, batch.targets.data() + chunk.first,
                                    gradient_scale, ws.logits, nullptr);
    chunk_backward(network, batch, chunk, of_head, ws);
  });
  return total;
}

void logits(const Network& network, const Batch& batch, Workspace& ws,
            const std::function<void(std::int64_t, std::int64_t, const float*)>& visit) {
  for_each_chunk(batch, ws, [&](const Chunk& chunk) {
    chunk_logits(network, batch, chunk, {}, ws);
    visit(chunk.first, chunk.rows, ws.logits);
  });
}

}  // namespace luthier::model
