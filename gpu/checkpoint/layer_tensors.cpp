#include "gpu/checkpoint/layer_tensors.hpp"

namespace luthier::checkpoint {
namespace {

bool is_encoder(const Decoder& d) { return d.norm_place == NormPlace::after; }

// https://huggingface.co/docs/transformers/model_doc/bert: its own names, and no gate.
LayerTensors encoder_layer(const Decoder& d, const std::string& prefix) {
  const auto hidden = d.hidden_size;
  LayerTensors t;
  for (const char* part : {"query", "key", "value"}) t.qkv.push_back({prefix + "attention.self." + part, hidden, hidden, true});
  t.output.push_back({prefix + "attention.output.dense", hidden, hidden, true});
  t.attention_norm = prefix + "attention.output.LayerNorm.weight";
  t.gate_up.push_back({prefix + "intermediate.dense", hidden, d.intermediate_size, true});
  t.down.push_back({prefix + "output.dense", d.intermediate_size, hidden, true});
  t.mlp_norm = prefix + "output.LayerNorm.weight";
  return t;
}

void add_attention(const Decoder& d, const LayerShape& shape, const std::string& prefix, LayerTensors& t) {
  const auto queries = shape.num_heads * d.head_dim, keys = shape.num_kv_heads * d.head_dim;
  const auto attention = prefix + "self_attn.";
  t.attention_norm = prefix + "input_layernorm.weight";
  if (d.norm_place == NormPlace::around) t.attention_output_norm = prefix + "post_attention_layernorm.weight";
  if (d.fused_qkv) {
    t.qkv.push_back({attention + "qkv_proj", d.hidden_size, queries + 2 * keys, d.qkv_bias});
  } else {
    t.qkv.push_back({attention + "q_proj", d.hidden_size, queries, d.qkv_bias});
    t.qkv.push_back({attention + "k_proj", d.hidden_size, keys, d.qkv_bias});
    t.qkv.push_back({attention + "v_proj", d.hidden_size, keys, d.qkv_bias});
  }
  t.output.push_back({attention + "o_proj", queries, d.hidden_size, d.output_bias});
  if (d.query_key_norm) {
    t.query_norm = attention + "q_norm.weight";
    t.key_norm = attention + "k_norm.weight";
  }
  if (d.attention_sinks) t.sinks = attention + "sinks";
}

std::vector<LinearLayer> gate_up_of(const Decoder& d, std::int64_t width, const std::string& prefix) {
  if (d.fused_gate_up) return {{prefix + "gate_up_proj", d.hidden_size, 2 * width, d.mlp_bias}};
  if (!d.gated) return {{prefix + "up_proj", d.hidden_size, width, d.mlp_bias}};
  return {{prefix + "gate_proj", d.hidden_size, width, d.mlp_bias}, {prefix + "up_proj", d.hidden_size, width, d.mlp_bias}};
}

void add_experts(const Decoder& d, const LayerShape& shape, const std::string& prefix, LayerTensors& t) {
  const auto mlp = prefix + "mlp.";
  t.router.push_back({mlp + (d.experts.stacked ? "router" : "gate"), d.hidden_size, shape.num_experts, d.experts.biases});
  if (d.experts.stacked) {
    t.stacked_gate_up = mlp + "experts.gate_up_proj";
    t.stacked_down = mlp + "experts.down_proj";
    return;
  }
  for (std::int64_t e = 0; e < shape.num_experts; ++e) {
    const auto expert = mlp + "experts." + std::to_string(e) + ".";
    t.expert_gate_up.push_back(gate_up_of(d, shape.intermediate_size, expert));
    t.expert_down.push_back({{expert + "down_proj", shape.intermediate_size, d.hidden_size, d.mlp_bias}});
  }
}

void add_feed_forward(const Decoder& d, const LayerShape& shape, const std::string& prefix, LayerTensors& t) {
  const bool around = d.norm_place == NormPlace::around;
  t.mlp_norm = prefix + (around ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight");
  if (around) t.mlp_output_norm = prefix + "post_feedforward_layernorm.weight";
  if (shape.num_experts > 0) return add_experts(d, shape, prefix, t);
  t.gate_up = gate_up_of(d, shape.intermediate_size, prefix + "mlp.");
  t.down.push_back({prefix + "mlp.down_proj", shape.intermediate_size, d.hidden_size, d.mlp_bias});
}

}  // namespace

void make_layers_alike(Decoder& d) {
  d.layers.assign(static_cast<std::size_t>(d.num_layers),
                  {.num_heads = d.num_heads, .num_kv_heads = d.num_kv_heads, .intermediate_size = d.intermediate_size});
}

LayerTensors layer_tensors(const Decoder& d, std::int64_t layer) {
  const auto number = std::to_string(layer) + ".";
  if (is_encoder(d)) return encoder_layer(d, d.tensor_prefix + "encoder.layer." + number);
  const auto prefix = d.tensor_prefix + "layers." + number;
  const auto& shape = d.layers[static_cast<std::size_t>(layer)];
  LayerTensors t;
  if (shape.num_heads > 0) add_attention(d, shape, prefix, t);
  if (shape.intermediate_size > 0) add_feed_forward(d, shape, prefix, t);
  return t;
}

OuterTensors outer_tensors(const Decoder& d) {
  OuterTensors t;
  if (is_encoder(d)) {
    const auto prefix = d.tensor_prefix + "embeddings.";
    t.embedding = prefix + "word_embeddings.weight";
    if (d.learned_positions) t.positions = prefix + "position_embeddings.weight";
    if (d.token_types > 0) t.types = prefix + "token_type_embeddings.weight";
    t.embedding_norm = prefix + "LayerNorm.weight";
    return t;
  }
  t.embedding = d.tensor_prefix + "embed_tokens.weight";
  t.final_norm = d.tensor_prefix + "norm.weight";
  if (d.has_head) t.head = d.tie_word_embeddings ? t.embedding : "lm_head.weight";
  return t;
}

}  // namespace luthier::checkpoint
