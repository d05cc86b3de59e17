// How much memory a run takes, known from the model's description before a weight is read.
#pragma once

#include <cstddef>
#include <span>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/model/trainable.hpp"
#include "gpu/model/workspace.hpp"

namespace luthier::model {

struct MemorySettings {
  bool full = false;                                  // all weights are trained; else the adapter's modules
  std::span<const checkpoint::LoraModule> modules{};  // their shapes count, not their values
  Keep keep = Keep::gradients_and_moments;
  bool by_layers = false;                             // with `full` and Keep::gradients: see Trainable::full_by_layers
  PassSize pass{};
  checkpoint::BaseStorage storage = checkpoint::BaseStorage::f32;
};

// In bytes, exactly what is allocated for each.
struct MemoryPlan {
  std::size_t weights = 0;
  std::size_t loading = 0;   // beside them, while they are read and before anything else is allocated
  std::size_t training = 0;  // an adapter's values, gradients, moments
  std::size_t copies = 0;    // bf16 copies of trained weights
  std::size_t workspace = 0;
  // The program itself, its libraries' own buffers, and the data set's ids. Not exact: a bound that measurements stay below.
  std::size_t rest = std::size_t{192} << 20;

  std::size_t total() const { return weights + training + copies + workspace + rest; }
};

Result<MemoryPlan> memory_plan(const checkpoint::Decoder& decoder, const MemorySettings& settings);

}  // namespace luthier::model
