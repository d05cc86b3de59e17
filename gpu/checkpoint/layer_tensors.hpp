// What the tensors of a checkpoint are called and which part each plays, from the description alone. Whoever needs a
// tensor's name asks here.
#pragma once

#include <string>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

// "NAME.weight", [out, in], and if it has one "NAME.bias", [out].
struct LinearLayer {
  std::string name;  // "model.layers.0.self_attn.q_proj"
  std::int64_t in = 0, out = 0;
  bool bias = false;
};

// Names of norms are whole: "model.layers.0.input_layernorm.weight". NormKind::layer has a bias beside each. Empty: none.
struct LayerTensors {
  std::string attention_norm;         // before attention; with NormPlace::after behind it
  std::string attention_output_norm;  // NormPlace::around
  std::string mlp_norm, mlp_output_norm;
  std::string query_norm, key_norm;   // [head_dim]
  std::string sinks;                  // [heads]

  std::vector<LinearLayer> qkv;      // q, k, v; or the one of all three, rows in that order
  std::vector<LinearLayer> output;   // none or one
  std::vector<LinearLayer> gate_up;  // gate, up; or the one of both, gate first; or up alone. Empty with experts
  std::vector<LinearLayer> down;

  std::vector<LinearLayer> router;   // none or one: [experts, hidden]
  // Experts that lie in tensors of their own.
  std::vector<std::vector<LinearLayer>> expert_gate_up, expert_down;
  // Stacked ones: [experts, hidden, 2 * intermediate] and [experts, intermediate, hidden], biases [experts, out] under
  // NAME + "_bias". Empty: not stacked.
  std::string stacked_gate_up, stacked_down;
};

LayerTensors layer_tensors(const Decoder& decoder, std::int64_t layer);

struct OuterTensors {
  std::string embedding;                    // [vocabulary, hidden]
  std::string positions, types;             // [max_position_embeddings, hidden], [token types, hidden]; empty: none
  std::string embedding_norm;               // empty: none
  std::string final_norm;                   // empty: none
  std::string head;                         // "lm_head.weight"; the embedding's name when the two are tied; empty: no head
};

OuterTensors outer_tensors(const Decoder& decoder);

}  // namespace luthier::checkpoint
