// Which rows each step sees: a function of the rows' lengths, the configuration and the step alone, so that a run that
// starts again goes on exactly where it was. Memory does not grow with the rows: their lengths lie where the dataset keeps them, and what
// is kept here of each lies in a ScratchArray.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/dataset_array.hpp"
#include "gpu/train/config.hpp"
#include "gpu/train/row_lengths.hpp"

namespace luthier::train {

using MicroBatch = std::vector<std::size_t>;  // rows, in order
using Step = std::vector<MicroBatch>;

// The most tokens that a micro-batch of a run can have.
std::int64_t tokens_max(const RowLengths& lengths, const TrainingConfig& config);

class DataOrder {
 public:
  // At least one row. `scratch`: a directory for what is kept of many rows; `io` when it is full.
  static Result<DataOrder> make(RowLengths lengths, const TrainingConfig& config, const std::filesystem::path& scratch = {});

  std::int64_t steps_total() const { return steps_total_; }
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  Step step(std::int64_t number);  // from 0; steps of one epoch asked for in order cost no more than their rows
  std::int64_t tokens_max() const { return train::tokens_max(lengths_, config_); }

 private:
  // A unit is one row, or the rows of a pack. Units are the same in every epoch, only their order changes.
  using Index = std::uint32_t;

  DataOrder(RowLengths lengths, const TrainingConfig& config, const std::filesystem::path& scratch);
  Result<void> prepare();
  void order_epoch(std::int64_t epoch);
  void bucket(std::int64_t epoch);
  std::size_t unit_begin(std::size_t unit) const { return config_.packing ? starts_[unit] : unit; }
  std::int64_t tokens_of(std::size_t unit) const;

  RowLengths lengths_;
  TrainingConfig config_;
  text::ScratchArray<Index> starts_;  // with packing: the first row of each unit, and the end
  text::ScratchArray<Index> order_;   // of the units in epoch_, unless it is the file's
  std::size_t units_ = 0;
  std::int64_t epoch_ = -1;
  std::int64_t steps_per_epoch_ = 0, steps_total_ = 0;
};

}  // namespace luthier::train
