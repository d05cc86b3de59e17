#include "gpu/train/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace luthier::train {

double learning_rate(const TrainingConfig& config, std::int64_t step, std::int64_t steps_total) {
  const double base = config.learning_rate;
  if (step < config.warmup_steps) return base * static_cast<double>(step) / static_cast<double>(config.warmup_steps);
  const double falling = static_cast<double>(std::max<std::int64_t>(1, steps_total - config.warmup_steps));
  const double done = std::min(1.0, static_cast<double>(step - config.warmup_steps) / falling);
  const double above = base - config.min_learning_rate;
  switch (config.schedule) {
    case TrainingConfig::Schedule::cosine: return config.min_learning_rate + above * 0.5 * (1.0 + std::cos(M_PI * done));
    case TrainingConfig::Schedule::linear: return config.min_learning_rate + above * (1.0 - done);
    case TrainingConfig::Schedule::constant: return base;
  }
  return base;
}

}  // namespace luthier::train
