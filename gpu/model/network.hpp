// A decoder's description, its weights and an adapter, tied together as the passes need them: plain pointers, no names.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/lora_layout.hpp"
#include "gpu/model/projection.hpp"

namespace luthier::model {

struct Norm {
  const float* weight = nullptr;  // [hidden]
  float* gradient = nullptr;      // added to; nullptr: frozen
};

struct Layer {
  Norm input_norm, post_norm;
  std::array<Projection, sites_count> projections;

  const Projection& at(Site site) const { return projections[static_cast<std::size_t>(site)]; }
  bool trains() const;
};

struct Network {
  checkpoint::Decoder decoder;
  const float* embedding = nullptr;     // [vocabulary, hidden]
  float* embedding_gradient = nullptr;  // added to; nullptr: frozen
  std::vector<Layer> layers;
  Norm final_norm;
  Projection head;  // its weight is the embedding when the two are tied

  // The lowest layer whose input's gradient somebody needs: a gradient stops above it. 0 with a trained embedding.
  std::size_t first_trained_layer() const;
};

// Where an adapter's values, and the gradients of whatever is trained, lie. Gradients of full weights are named as the
// weights are.
struct Binding {
  const checkpoint::Weights* weights = nullptr;
  const checkpoint::Weights* gradients = nullptr;  // nullptr: weights are frozen
  const LoraLayout* lora = nullptr;                // nullptr: no adapter
  const float* lora_values = nullptr;
  float* lora_gradients = nullptr;                 // nullptr: the adapter is frozen
};

// Rounds the inputs of all products of a network whose weights have been rounded; see round_weights.
void round_inputs(Network& network);

// Matrices become what a checkpoint in bfloat16 would have held. Norms and biases stay.
void round_weights(const checkpoint::Weights& weights);

// Fails with `corrupt`, naming the tensor, when the weights lack one. What the binding points to must outlive the network.
Result<Network> bind(const checkpoint::Decoder& decoder, const Binding& binding);

}  // namespace luthier::model
