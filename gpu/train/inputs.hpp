// What a training result depends on, as digests: a checkpoint made from other inputs must not be gone on from.
#pragma once

#include "events/base/result.hpp"
#include "gpu/train/trainer.hpp"
#include "gpu/train/training_state.hpp"

namespace luthier::train {

// Reads the model's, the adapter's and the data's files.
Result<Inputs> inputs_of(const TrainRequest& request);

}  // namespace luthier::train
