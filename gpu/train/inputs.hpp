// What a training result depends on, as digests: a checkpoint made from other inputs must not be gone on from.
#pragma once

#include "events/base/result.hpp"
#include "gpu/train/examples.hpp"
#include "gpu/train/trainer.hpp"
#include "gpu/train/training_state.hpp"

namespace luthier::train {

// Reads the model's, the teacher's and the adapter's files; what was read of the data says its digests.
Result<Inputs> inputs_of(const TrainRequest& request, const Examples& data, const Examples& validation);

}  // namespace luthier::train
