#include "gpu/model/forward.hpp"

#include <cassert>
#include <cmath>
#include <cstring>

#include "gpu/kernels/attention.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/rmsnorm.hpp"
#include "gpu/kernels/rope.hpp"
#include "gpu/kernels/swiglu.hpp"

namespace luthier::model {
namespace {

bool depends_on_length(const checkpoint::Rope& rope) {
  return rope.kind == checkpoint::Rope::Kind::dynamic || rope.kind == checkpoint::Rope::Kind::longrope;
}

// Each sequence turns by its own frequencies, as if it were alone.
void fill_rope_tables(const checkpoint::Decoder& d, const Batch& batch, Workspace& ws) {
  const auto half = static_cast<std::size_t>(d.head_dim / 2);
  kernels::RopeFrequencies frequencies;
  for (std::size_t s = 0; s + 1 < batch.starts.size(); ++s) {
    const auto begin = static_cast<std::size_t>(batch.starts[s]), end = static_cast<std::size_t>(batch.starts[s + 1]);
    if (s == 0 || depends_on_length(d.rope))
      frequencies = kernels::rope_frequencies(d.rope, d.head_dim, d.max_position_embeddings,
                                              static_cast<std::int64_t>(end - begin));
    kernels::rope_table(frequencies, std::span(batch.positions).subspan(begin, end - begin), ws.cosine + begin * half,
                        ws.sine + begin * half);
  }
}

struct Pass {
  const Network& network;
  const Batch& batch;
  const PassDropout& dropout;
  Workspace& ws;
};

void project_site(const Pass& pass, std::size_t l, Site site, const float* x, float beta, float* y) {
  const auto s = static_cast<std::size_t>(site);
  project(pass.network.layers[l].at(site), pass.batch.tokens(), x, beta, y, pass.ws.layers[l].shrunk[s],
          pass.dropout.of(l, s), pass.ws.scratch);
}

void copy(std::int64_t count, const float* from, float* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

void attention_block(const Pass& pass, std::size_t l) {
  const checkpoint::Decoder& d = pass.network.decoder;
  const std::int64_t tokens = pass.batch.tokens(), q = d.num_heads * d.head_dim, kv = d.num_kv_heads * d.head_dim;
  const std::int64_t ld = q + 2 * kv;
  LayerBuffers& b = pass.ws.layers[l];
  kernels::rmsnorm_forward(tokens, d.hidden_size, b.x, pass.network.layers[l].input_norm.weight,
                           static_cast<float>(d.rms_norm_eps), pass.ws.normed, b.input_inverse);
  project_site(pass, l, Site::qkv, pass.ws.normed, 0, b.qkv);
  kernels::rope_forward(tokens, d.num_heads + d.num_kv_heads, d.head_dim, pass.ws.cosine, pass.ws.sine, b.qkv, ld);
  const float scale = 1.0f / std::sqrt(static_cast<float>(d.head_dim));
  kernels::attention_forward({d.num_heads, d.num_kv_heads, d.head_dim, scale}, pass.batch.starts, b.qkv, ld, b.qkv + q,
                             b.qkv + q + kv, ld, b.attended, q, b.log_sum_exp);
  copy(tokens * d.hidden_size, b.x, b.middle);
  project_site(pass, l, Site::o, b.attended, 1, b.middle);
}

void mlp_block(const Pass& pass, std::size_t l, float* out) {
  const checkpoint::Decoder& d = pass.network.decoder;
  const std::int64_t tokens = pass.batch.tokens(), width = d.intermediate_size;
  LayerBuffers& b = pass.ws.layers[l];
  kernels::rmsnorm_forward(tokens, d.hidden_size, b.middle, pass.network.layers[l].post_norm.weight,
                           static_cast<float>(d.rms_norm_eps), pass.ws.normed, b.post_inverse);
  project_site(pass, l, Site::gate_up, pass.ws.normed, 0, b.gate_up);
  kernels::swiglu_forward(tokens, width, b.gate_up, b.gate_up + width, 2 * width, pass.ws.activated, width);
  copy(tokens * d.hidden_size, b.middle, out);
  project_site(pass, l, Site::down, pass.ws.activated, 1, out);
}

}  // namespace

Dropout PassDropout::of(std::size_t layer, std::size_t site) const {
  constexpr std::uint64_t parts_max = 4;
  return {rate, seed, (pass << 32) + (layer * sites_count + site) * parts_max + 1};
}

void forward(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& ws) {
  assert(batch.tokens() <= ws.size.tokens);
  const Pass pass{network, batch, dropout, ws};
  fill_rope_tables(network.decoder, batch, ws);
  float* first = network.layers.empty() ? ws.out : ws.layers.front().x;
  kernels::gather_rows(batch.tokens(), network.decoder.hidden_size, network.embedding, batch.ids.data(), first);
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    attention_block(pass, l);
    mlp_block(pass, l, l + 1 < network.layers.size() ? ws.layers[l + 1].x : ws.out);
  }
}

}  // namespace luthier::model
