// The learning rate of each step.
#pragma once

#include <cstdint>

#include "gpu/train/config.hpp"

namespace luthier::train {

// `step` from 0. Below warmup_steps the rate rises from 0; then it falls from learning_rate, along half a cosine or a line,
// to min_learning_rate at steps_total, or stays.
double learning_rate(const TrainingConfig& config, std::int64_t step, std::int64_t steps_total);

}  // namespace luthier::train
