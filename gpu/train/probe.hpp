// A few timed passes of the real model over the run's own rows, which say how long the run would take.
#pragma once

#include <cstdint>
#include <optional>

#include "events/base/result.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct Probe {
  std::int64_t tokens = 0;          // that were timed
  double seconds = 0;               // for them
  double seconds_per_token = 0;     // of forward and backward passes
  double seconds_per_update = 0;    // of AdamW
  double tokens_per_second() const { return seconds_per_token > 0 ? 1 / seconds_per_token : 0; }
};

// Bounded: after a short pass that says how fast this is, passes that fit into `seconds_max` are timed (loading the model is not
// counted). The request must fit into memory. Nothing is written.
Result<Probe> probe_run(const TrainRequest& request, double seconds_max);

}  // namespace luthier::train
