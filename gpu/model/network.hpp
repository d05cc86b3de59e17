// A decoder's description, its weights and an adapter, tied together as the passes need them: plain pointers, no names.
#pragma once

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/block_shape.hpp"
#include "gpu/model/lora_layout.hpp"
#include "gpu/model/norm.hpp"
#include "gpu/model/projection.hpp"

namespace luthier::model {

struct Attention {
  Projection qkv, output;
  Norm query_norm, key_norm;        // of each head, before it is rotated
  const float* sinks = nullptr;     // [heads]; nullptr: none
  float* sinks_gradient = nullptr;  // added to; nullptr: frozen
};

struct FeedForward {
  Projection gate_up, down;
};

struct Expert {
  Projection gate_up, down;
  float* down_bias_gradient = nullptr;  // apart from `down`, because each row of it counts with its token's share
};

struct Mixture {
  Projection router;
  std::vector<Expert> experts;
};

struct Block {
  BlockShape shape;
  Norm input_norm;   // of the part's input; none: the residual stream itself
  Norm output_norm;  // see BlockShape
  std::variant<Attention, FeedForward, Mixture> part;

  bool trains() const;
};

// The residual stream's beginning: embeddings of tokens, and in an encoder of positions and of the first token type.
struct Inputs {
  const float *tokens = nullptr, *positions = nullptr, *type = nullptr;  // [vocabulary, hidden], [positions, hidden], [hidden]
  float *tokens_gradient = nullptr, *positions_gradient = nullptr, *type_gradient = nullptr;  // added to; nullptr: frozen
  checkpoint::StoredMatrix stored_tokens{};  // in place of `tokens`, where they are kept in fewer bits
  float scale = 1;  // of the tokens' embeddings
  Norm norm;

  bool trains() const { return tokens_gradient != nullptr; }  // all of it or nothing
};

struct Network {
  checkpoint::Decoder decoder;
  Inputs inputs;
  std::vector<Block> blocks;
  Norm final_norm;  // may be none
  Projection head;  // its weight is the embedding when the two are tied; without parts in a model that has no head

  // The lowest block that is trained: a gradient stops there, unless the inputs are trained too.
  std::size_t first_trained_block() const;
};

// Where an adapter's values, and the gradients of whatever is trained, lie. Gradients of full weights are named as the
// weights are.
struct Binding {
  const checkpoint::Weights* weights = nullptr;
  const checkpoint::Weights* gradients = nullptr;  // nullptr: weights are frozen
  const LoraLayout* lora = nullptr;                // nullptr: no adapter
  const float* lora_values = nullptr;
  float* lora_gradients = nullptr;                 // nullptr: the adapter is frozen
  float* lora_norms = nullptr;                     // of DoRA: LoraLayout::norm_floats
  bool bfloat16_products = false;                  // of every matrix that is kept in fewer bits, or has a copy in `rounded`
  const checkpoint::Weights* rounded = nullptr;    // bf16 copies of weights kept as f32 (rounded_weights.hpp); nullptr: none
};

// Of all blocks and of the head.
void for_each_projection(const Network& network, const std::function<void(const Projection&)>& visit);

// Products take operands in bf16, but for those with a weight that is whole: a router's.
void multiply_in_bfloat16(Network& network);

// Rounds the inputs of all products of a network whose weights have been rounded; see round_weights.
void round_inputs(Network& network);

// Matrices become what a checkpoint in bfloat16 would have held. Norms and biases stay.
void round_weights(const checkpoint::Weights& weights);

// Fails with `corrupt`, naming the tensor, when the weights lack one. What the binding points to must outlive the network.
Result<Network> bind(const checkpoint::Decoder& decoder, const Binding& binding);

}  // namespace luthier::model
