#include <numeric>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/memory.hpp"

namespace luthier::checkpoint {
namespace {

std::size_t count_of(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1},
                         [](std::size_t count, std::int64_t extent) { return count * static_cast<std::size_t>(extent); });
}

// 64 bytes: a cache line, and the widest vector.
std::size_t padded(std::size_t count) { return (count + 15) / 16 * 16; }

}  // namespace

Result<Weights> Weights::allocate(const Shapes& shapes) {
  Weights weights;
  for (const auto& [name, shape] : shapes) weights.length_ += padded(count_of(shape));
  auto memory = allocate_floats(weights.length_, "the model");
  if (!memory) return memory.error();
  weights.memory_ = std::move(*memory);
  float* next = weights.memory_.get();
  for (const auto& [name, shape] : shapes) {
    weights.tensors_.emplace(name, Tensor{shape, {next, count_of(shape)}});
    next += padded(count_of(shape));
  }
  return weights;
}

const Tensor* Weights::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::size_t Weights::bytes() const { return length_ * sizeof(float); }

Weights::Shapes weight_shapes(const Decoder& d) {
  Weights::Shapes shapes;
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    shapes[name + ".weight"] = {out, in};
    if (bias) shapes[name + ".bias"] = {out};
  };
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto queries = d.num_heads * d.head_dim, keys = d.num_kv_heads * d.head_dim;
    linear(layer + "self_attn.q_proj", queries, d.hidden_size, d.attention_bias);
    linear(layer + "self_attn.k_proj", keys, d.hidden_size, d.attention_bias);
    linear(layer + "self_attn.v_proj", keys, d.hidden_size, d.attention_bias);
    linear(layer + "self_attn.o_proj", d.hidden_size, queries, d.attention_bias);
    linear(layer + "mlp.gate_proj", d.intermediate_size, d.hidden_size, d.mlp_bias);
    linear(layer + "mlp.up_proj", d.intermediate_size, d.hidden_size, d.mlp_bias);
    linear(layer + "mlp.down_proj", d.hidden_size, d.intermediate_size, d.mlp_bias);
    shapes[layer + "input_layernorm.weight"] = {d.hidden_size};
    shapes[layer + "post_attention_layernorm.weight"] = {d.hidden_size};
  }
  shapes["model.embed_tokens.weight"] = {d.vocab_size, d.hidden_size};
  shapes["model.norm.weight"] = {d.hidden_size};
  if (!d.tie_word_embeddings) shapes["lm_head.weight"] = {d.vocab_size, d.hidden_size};
  return shapes;
}

std::int64_t count_parameters(const Decoder& decoder) {
  std::size_t count = 0;
  for (const auto& [name, shape] : weight_shapes(decoder)) count += count_of(shape);
  return static_cast<std::int64_t>(count);
}

}  // namespace luthier::checkpoint
