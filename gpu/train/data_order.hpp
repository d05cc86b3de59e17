// Which rows each step sees: a function of the rows' lengths, the configuration and the step alone, so that a run that
// starts again goes on exactly where it was.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/train/config.hpp"

namespace luthier::train {

using MicroBatch = std::vector<std::size_t>;  // rows, in order
using Step = std::vector<MicroBatch>;

class DataOrder {
 public:
  // `lengths`: tokens of each row, none longer than max_seq_length. At least one row.
  DataOrder(std::vector<std::int64_t> lengths, const TrainingConfig& config);

  std::int64_t steps_total() const { return steps_total_; }
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  Step step(std::int64_t number);  // from 0; steps of one epoch asked for in order cost no more than their rows

  // The most tokens that a micro-batch of the run can have.
  std::int64_t tokens_max() const;

 private:
  using Unit = std::vector<std::size_t>;  // one row, or the rows of a pack
  void pack();
  std::vector<std::size_t> order_of(std::int64_t epoch) const;
  void bucket(std::vector<std::size_t>& order, std::int64_t epoch) const;
  std::int64_t tokens_of(const Unit& unit) const;

  std::vector<std::int64_t> lengths_;
  TrainingConfig config_;
  std::vector<Unit> units_;            // in the file's order; the same in every epoch, only their order changes
  std::vector<std::size_t> order_;     // of the units in epoch_
  std::int64_t epoch_ = -1;
  std::int64_t steps_per_epoch_ = 0, steps_total_ = 0;
};

}  // namespace luthier::train
