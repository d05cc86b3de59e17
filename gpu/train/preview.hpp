// What a run would be, found without reading a weight: the rows are checked, the steps counted, the memory planned. A platform
// asks this before it accepts a job.
#pragma once

#include <cstdint>

#include "events/base/result.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct Preview {
  std::int64_t rows = 0, rows_left_out = 0, tokens = 0, supervised_tokens = 0;
  std::int64_t steps = 0, steps_per_epoch = 0;
  std::int64_t memory_bytes = 0;  // of the training process
};

// The errors of a run that cannot be: a bad row, a rank of 0, a target that is not there, more memory than
// `request.memory_limit_bytes` (0: what the machine has free). Of the request it needs model, data, validation and config.
Result<Preview> preview(const TrainRequest& request);

}  // namespace luthier::train
