// What a run needs to go on after its process ended: per checkpoint step-00000010.safetensors, and before it the lines of
// metrics.jsonl so far as step-00000010.metrics.jsonl.
//
// Tensors: "value/NAME" of every trained parameter, f32, and the optimiser's states (see optimizer.hpp). Metadata, all strings:
//   format   "luthier.training.1"
//   step     how many steps are done; rates, data order and dropout follow from it
//   inputs   JSON object of digests: what must be the same for the result to be the same
// A file appears under its name only when it is complete and on disk. The last two are kept.
//
// best.safetensors beside them has the values alone, of the step with the lowest validation loss so far (metadata "step").
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "events/base/result.hpp"
#include "gpu/model/trainable.hpp"
#include "gpu/train/optimizer.hpp"

namespace luthier::train {

// "configuration", "model", "data" … to a digest or a value.
using Inputs = std::map<std::string, std::string>;

struct SavedState {
  std::int64_t step = 0;
  std::string metrics;
};

Result<void> save_state(const std::filesystem::path& directory, const model::Trainable& trainable, const Optimizer& optimizer,
                        const Inputs& inputs, const SavedState& state);

// The newest checkpoint that can be read, put into `trainable` and `optimizer`; nothing when there is none. `conflict` when it was made from
// other inputs, naming them; `corrupt` when there are checkpoints but none can be read.
Result<std::optional<SavedState>> load_state(const std::filesystem::path& directory, const model::Trainable& trainable,
                                             const Optimizer& optimizer, const Inputs& inputs);

Result<void> save_best(const std::filesystem::path& directory, const model::Trainable& trainable, std::int64_t step);
// `corrupt` when the file is not the one of that step.
Result<void> load_best(const std::filesystem::path& directory, const model::Trainable& trainable, std::int64_t step);
void remove_best(const std::filesystem::path& directory);

}  // namespace luthier::train
