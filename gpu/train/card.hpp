// The model card that a run leaves: README.md and loss.svg. Everything but the section "Measured" is a function of the run's inputs.
#pragma once

#include <filesystem>

#include "events/base/result.hpp"
#include "gpu/train/metrics.hpp"
#include "gpu/train/prepare.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct CardInputs {
  const TrainRequest& request;
  const Planned& planned;
  const Metrics& metrics;
  const TrainResult& result;
  std::int64_t trained_parameters = 0;
  std::size_t memory_at_rest = 0;  // this process's, before it read a weight
};

Result<void> write_card(const CardInputs& inputs);

}  // namespace luthier::train
