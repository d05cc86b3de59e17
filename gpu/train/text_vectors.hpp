// What an embedding model makes of its last hidden states: one vector of length 1 for each text. And its gradient.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/model/batch.hpp"
#include "gpu/model/network.hpp"
#include "gpu/model/workspace.hpp"

namespace luthier::train {

struct TextVectors {
  std::int64_t width = 0;
  std::vector<float> unit;     // [texts, width]
  std::vector<double> length;  // [texts]: before it was made 1. 0 for a text whose hidden states are all 0; its vector is 0 too

  const float* of(std::size_t text) const { return unit.data() + text * static_cast<std::size_t>(width); }
};

// After forward(). Each sequence of the batch is a text; how it is pooled, the network's description says.
TextVectors text_vectors(const model::Network& network, const model::Batch& batch, model::Workspace& workspace);

// From the gradient of the vectors, [texts, width], to workspace.dx, where the backward pass goes on. Needs a workspace with gradients,
// as it was after text_vectors() of the same batch.
void text_vectors_gradient(const model::Network& network, const model::Batch& batch, const TextVectors& vectors,
                           const std::vector<float>& gradient, model::Workspace& workspace);

}  // namespace luthier::train
