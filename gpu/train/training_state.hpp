// What a run needs to go on after its process ended: per checkpoint step-00000010.safetensors, and before it the lines of
// metrics.jsonl so far as step-00000010.metrics.jsonl.
//
// Tensors: "value/NAME", "moment1/NAME", "moment2/NAME" of every trained parameter, f32. Metadata, all strings:
//   format   "luthier.training.1"
//   step     how many steps are done; rates, data order and dropout follow from it
//   inputs   JSON object of digests: what must be the same for the result to be the same
// A file appears under its name only when it is complete and on disk. The last two are kept.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "events/base/result.hpp"
#include "gpu/model/trainable.hpp"

namespace luthier::train {

// "configuration", "model", "data" … to a digest or a value.
using Inputs = std::map<std::string, std::string>;

struct SavedState {
  std::int64_t step = 0;
  std::string metrics;
};

Result<void> save_state(const std::filesystem::path& directory, const model::Trainable& trainable, const Inputs& inputs,
                        const SavedState& state);

// The newest checkpoint that can be read, put into `trainable`; nothing when there is none. `conflict` when it was made from
// other inputs, naming them; `corrupt` when there are checkpoints but none can be read.
Result<std::optional<SavedState>> load_state(const std::filesystem::path& directory, const model::Trainable& trainable,
                                             const Inputs& inputs);

}  // namespace luthier::train
