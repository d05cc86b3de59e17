// The network and all that trains it, made from a request's files.
#pragma once

#include <memory>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/trainable.hpp"
#include "gpu/train/objective.hpp"
#include "gpu/train/optimizer.hpp"
#include "gpu/train/prepare.hpp"
#include "gpu/train/training_state.hpp"

namespace luthier::train {

// Stays at one place in memory, because its parts point to each other.
struct Engine {
  Planned prepared;
  Inputs inputs;                    // only when there are checkpoints
  std::size_t memory_at_rest = 0;   // this process's, before it read a weight
  checkpoint::Model base;
  checkpoint::Weights rounded;      // with products in bf16, of weights that are trained: what the products read
  model::Trainable trainable;
  Optimizer optimizer;
  model::Network network, reference;  // reference: the base without an adapter, for preferences
  model::Workspace workspace;
  std::unique_ptr<Objective> objective;

  Student student() { return {network, workspace}; }
  void weights_changed();  // after each update, and whatever else writes them
};

Result<std::unique_ptr<Engine>> make_engine(const TrainRequest& request);

// The request's, else the configuration's; 0: after the last step only.
std::int64_t validation_every(const TrainRequest& request);

}  // namespace luthier::train
