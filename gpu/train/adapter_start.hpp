// The adapter that a run begins with.
#pragma once

#include <filesystem>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/train/config.hpp"

namespace luthier::train {

// A new one: B is zero (DoRA's magnitudes follow from the weights: Trainable::start_magnitudes), so that the model starts as it is; A is uniform in +-1/sqrt(in) (PEFT's Kaiming initialisation
// with a = sqrt(5)), value i of module m being value i of our generator's stream 2^63 + m under the run's seed.
Result<checkpoint::Adapter> new_adapter(const TrainingConfig& config, const checkpoint::Decoder& decoder);

// The one in `directory`, which stays what it is, DoRA or not; or a new one when it is empty.
Result<checkpoint::Adapter> starting_adapter(const TrainingConfig& config, const std::filesystem::path& directory,
                                             const checkpoint::Decoder& decoder);

}  // namespace luthier::train
