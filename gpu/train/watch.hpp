// What a run watches in its own losses: jumps of the training loss, and the best validation so far. Both are folds over the lines of
// metrics.jsonl, so a run that starts again knows what it knew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gpu/train/config.hpp"

namespace luthier::train {

// A loss above `factor` times the median of the last ones. It says nothing before some have come. Off by default: where a run has
// learnt its rows by heart, the median is near 0 and the next unseen row many times above it, with nothing wrong.
class SpikeWatch {
 public:
  static constexpr std::size_t window = 50, losses_least = 10;

  explicit SpikeWatch(double factor = 0) : factor_(factor) {}
  void add(double loss);
  // The median that `loss` is a spike above.
  std::optional<double> spike(double loss) const;

 private:
  double factor_;  // 0: nothing is a spike
  std::vector<double> last_;  // a ring
  std::size_t next_ = 0;
};

class Validations {
 public:
  explicit Validations(std::optional<EarlyStopping> stopping = {}) : stopping_(stopping) {}
  bool add(std::int64_t step, double loss);  // true: the lowest so far
  bool has_best() const { return best_step_ > 0; }
  std::int64_t best_step() const { return best_step_; }
  double best_loss() const { return best_loss_; }
  bool exhausted() const { return stopping_ && in_vain_ >= stopping_->patience; }

 private:
  std::optional<EarlyStopping> stopping_;
  std::int64_t best_step_ = 0, in_vain_ = 0;
  double best_loss_ = 0;
};

}  // namespace luthier::train
