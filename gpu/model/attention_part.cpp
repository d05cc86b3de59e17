#include <cstring>

#include "gpu/kernels/attention.hpp"
#include "gpu/kernels/rope.hpp"
#include "gpu/model/parts.hpp"

namespace luthier::model {
namespace {

constexpr auto q_site = static_cast<std::size_t>(Site::qkv), o_site = static_cast<std::size_t>(Site::o);

// nullptr: this layer's tokens do not know where they are.
const RopeTable* table_of(const Pass& pass, const BlockShape& shape) {
  switch (shape.positions) {
    case checkpoint::Positions::rope: return &pass.ws.rope;
    case checkpoint::Positions::local_rope: return &pass.ws.local_rope;
    case checkpoint::Positions::none: return nullptr;
  }
  return nullptr;
}

void copy_rows(std::int64_t rows, std::int64_t width, const float* from, std::int64_t ld, float* to) {
  for (std::int64_t r = 0; r < rows; ++r) std::memcpy(to + r * width, from + r * ld, static_cast<std::size_t>(width) * sizeof(float));
}

void norm_queries_and_keys(const Pass& pass, const BlockShape& shape, const Attention& part, BlockBuffers& b) {
  if (!part.query_norm) return;
  const std::int64_t q = shape.queries(), ld = shape.qkv();
  if (b.unnormed) copy_rows(pass.tokens(), q + shape.keys(), b.qkv, ld, b.unnormed);
  norm_heads_forward(part.query_norm, pass.tokens(), shape.attention.heads, b.qkv, ld, b.query_stats);
  norm_heads_forward(part.key_norm, pass.tokens(), shape.attention.kv_heads, b.qkv + q, ld, b.key_stats);
}

void norm_queries_and_keys_backward(const Pass& pass, const BlockShape& shape, const Attention& part, const BlockBuffers& b) {
  if (!part.query_norm) return;
  const std::int64_t q = shape.queries(), ld = q + shape.keys();
  norm_heads_backward(part.query_norm, pass.tokens(), shape.attention.heads, b.unnormed, ld, b.query_stats, pass.ws.dqkv, shape.qkv());
  norm_heads_backward(part.key_norm, pass.tokens(), shape.attention.kv_heads, b.unnormed + q, ld, b.key_stats, pass.ws.dqkv + q,
                      shape.qkv());
}

}  // namespace

void part_forward(const Pass& pass, const BlockShape& shape, const Attention& part, BlockBuffers& b, const float* x, float beta, float* y) {
  const std::int64_t tokens = pass.tokens(), q = shape.queries(), kv = shape.keys(), ld = shape.qkv();
  const auto& a = shape.attention;
  project(part.qkv, tokens, x, 0, b.qkv, b.shrunk[0], pass.dropout.of(shape.layer, q_site), pass.ws.scratch);
  norm_queries_and_keys(pass, shape, part, b);
  if (const RopeTable* table = table_of(pass, shape))
    kernels::rope_forward(tokens, a.heads + a.kv_heads, a.head_dim, rotary_dim(pass.network.decoder), table->cosine, table->sine, b.qkv, ld);
  kernels::attention_forward(a, pass.batch.starts, b.qkv, ld, b.qkv + q, b.qkv + q + kv, ld, part.sinks, b.attended, q, b.log_sum_exp);
  project(part.output, tokens, b.attended, beta, y, b.shrunk[1], pass.dropout.of(shape.layer, o_site), pass.ws.scratch);
}

void part_backward(const Pass& pass, const BlockShape& shape, const Attention& part, BlockBuffers& b, const float* x, const float* dy,
                   float* dx) {
  const std::int64_t tokens = pass.tokens(), q = shape.queries(), kv = shape.keys(), ld = shape.qkv();
  const auto& a = shape.attention;
  float *dqkv = pass.ws.dqkv, *dattended = pass.ws.dattended;
  project_backward(part.output, tokens, b.attended, b.shrunk[1], dy, dattended, pass.dropout.of(shape.layer, o_site), pass.ws.scratch);
  kernels::attention_backward(a, pass.batch.starts, b.qkv, ld, b.qkv + q, b.qkv + q + kv, ld, part.sinks, b.attended, dattended, q,
                              b.log_sum_exp, dqkv, ld, dqkv + q, dqkv + q + kv, ld, part.sinks_gradient, pass.ws.attention_scratch);
  if (const RopeTable* table = table_of(pass, shape))
    kernels::rope_backward(tokens, a.heads + a.kv_heads, a.head_dim, rotary_dim(pass.network.decoder), table->cosine, table->sine, dqkv, ld);
  norm_queries_and_keys_backward(pass, shape, part, b);
  project_backward(part.qkv, tokens, x, b.shrunk[0], dqkv, dx, pass.dropout.of(shape.layer, q_site), pass.ws.scratch);
}

}  // namespace luthier::model
