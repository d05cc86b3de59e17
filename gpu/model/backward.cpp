#include "gpu/model/backward.hpp"

#include <cmath>

#include "gpu/kernels/attention.hpp"
#include "gpu/kernels/embedding.hpp"
#include "gpu/kernels/rmsnorm.hpp"
#include "gpu/kernels/rope.hpp"
#include "gpu/kernels/swiglu.hpp"

namespace luthier::model {
namespace {

struct Pass {
  const Network& network;
  const Batch& batch;
  const PassDropout& dropout;
  Workspace& ws;
};

void project_site_backward(const Pass& pass, std::size_t l, Site site, const float* x, const float* dy, float* dx) {
  const auto s = static_cast<std::size_t>(site);
  project_backward(pass.network.layers[l].at(site), pass.batch.tokens(), x, pass.ws.layers[l].shrunk[s], dy, dx,
                   pass.dropout.of(l, s), pass.ws.scratch);
}

// The norm's output is computed again: reading it back from memory would cost as much.
void norm_again(const Pass& pass, const float* x, const Norm& norm) {
  const checkpoint::Decoder& d = pass.network.decoder;
  kernels::rmsnorm_forward(pass.batch.tokens(), d.hidden_size, x, norm.weight, static_cast<float>(d.rms_norm_eps),
                           pass.ws.normed, nullptr);
}

void norm_backward(const Pass& pass, const float* x, const float* inverse, const Norm& norm, bool below) {
  const std::int64_t tokens = pass.batch.tokens(), hidden = pass.network.decoder.hidden_size;
  if (norm.gradient) kernels::rmsnorm_backward_weight(tokens, hidden, x, inverse, pass.ws.dnormed, norm.gradient);
  if (below) kernels::rmsnorm_backward(tokens, hidden, x, norm.weight, inverse, pass.ws.dnormed, pass.ws.dx);
}

void mlp_backward(const Pass& pass, std::size_t l, bool below) {
  const checkpoint::Decoder& d = pass.network.decoder;
  const Layer& layer = pass.network.layers[l];
  const LayerBuffers& b = pass.ws.layers[l];
  const std::int64_t tokens = pass.batch.tokens(), width = d.intermediate_size;
  kernels::swiglu_forward(tokens, width, b.gate_up, b.gate_up + width, 2 * width, pass.ws.activated, width);
  project_site_backward(pass, l, Site::down, pass.ws.activated, pass.ws.dx, pass.ws.dactivated);
  kernels::swiglu_backward(tokens, width, b.gate_up, b.gate_up + width, 2 * width, pass.ws.dactivated, width, b.gate_up,
                           b.gate_up + width);
  norm_again(pass, b.middle, layer.post_norm);
  const bool norm_needs = below || layer.post_norm.gradient;
  project_site_backward(pass, l, Site::gate_up, pass.ws.normed, b.gate_up, norm_needs ? pass.ws.dnormed : nullptr);
  if (norm_needs) norm_backward(pass, b.middle, b.post_inverse, layer.post_norm, below);
}

void attention_backward(const Pass& pass, std::size_t l, bool below) {
  const checkpoint::Decoder& d = pass.network.decoder;
  const Layer& layer = pass.network.layers[l];
  const LayerBuffers& b = pass.ws.layers[l];
  const std::int64_t tokens = pass.batch.tokens(), q = d.num_heads * d.head_dim, kv = d.num_kv_heads * d.head_dim;
  const std::int64_t ld = q + 2 * kv;
  float* dqkv = pass.ws.dqkv;
  project_site_backward(pass, l, Site::o, b.attended, pass.ws.dx, pass.ws.dattended);
  const float scale = 1.0f / std::sqrt(static_cast<float>(d.head_dim));
  kernels::attention_backward({d.num_heads, d.num_kv_heads, d.head_dim, scale}, pass.batch.starts, b.qkv, ld, b.qkv + q,
                              b.qkv + q + kv, ld, b.attended, pass.ws.dattended, q, b.log_sum_exp, dqkv, ld, dqkv + q,
                              dqkv + q + kv, ld, pass.ws.attention_scratch);
  kernels::rope_backward(tokens, d.num_heads + d.num_kv_heads, d.head_dim, pass.ws.cosine, pass.ws.sine, dqkv, ld);
  norm_again(pass, b.x, layer.input_norm);
  const bool norm_needs = below || layer.input_norm.gradient;
  project_site_backward(pass, l, Site::qkv, pass.ws.normed, dqkv, norm_needs ? pass.ws.dnormed : nullptr);
  if (norm_needs) norm_backward(pass, b.x, b.input_inverse, layer.input_norm, below);
}

}  // namespace

void backward(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& ws) {
  const Pass pass{network, batch, dropout, ws};
  const std::size_t first = network.first_trained_layer();
  for (std::size_t l = network.layers.size(); l-- > first;) {
    const Layer& layer = network.layers[l];
    const bool below = l > first || network.embedding_gradient;
    const bool in_attention =
        below || layer.at(Site::qkv).trains() || layer.at(Site::o).trains() || layer.input_norm.gradient;
    mlp_backward(pass, l, in_attention);
    if (in_attention) attention_backward(pass, l, below);
  }
  // transformers looks tokens up with torch's padding_idx: that row learns nothing as an input, even where a chat template
  // writes the token (its end token is often the padding as well). As an output of tied weights it learns.
  if (network.embedding_gradient)
    kernels::scatter_add_rows(batch.tokens(), network.decoder.hidden_size, ws.dx, batch.ids.data(),
                              network.embedding_gradient, network.decoder.pad_token_id);
}

}  // namespace luthier::model
