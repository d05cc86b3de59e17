// What a run would take, before anything starts: rows, steps, memory, disk and time, what would fit here, and whether an adapter or all
// weights should be trained.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "events/base/result.hpp"
#include "gpu/train/fit.hpp"
#include "gpu/train/probe.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct Recommendation {
  TrainingConfig::Method method = TrainingConfig::Method::lora;
  std::string reason;
};

struct RunPlan {
  std::string architecture;
  std::int64_t parameters = 0, parameters_trained = 0, modules = 0;  // modules: linear layers with an adapter
  std::int64_t rows = 0, rows_left_out = 0;
  std::int64_t tokens = 0, supervised_tokens = 0;  // of one epoch
  std::int64_t steps = 0, steps_per_epoch = 0;
  double tokens_in_all = 0;        // that pass through the network over all steps
  std::int64_t tokens_at_once = 0; // of the largest micro-batch
  checkpoint::BaseStorage base_storage = checkpoint::BaseStorage::f32;
  RunMemory memory;
  std::size_t memory_smallest = 0; // in all, with one row of the data at a time
  std::size_t memory_free = 0;
  std::optional<Settings> nearest; // that would fit, where these do not
  std::size_t disk_needed = 0, disk_free = 0;
  std::optional<Probe> probe;
  Recommendation recommendation;

  bool fits_memory() const { return memory.total() <= memory_free; }
  bool fits_disk() const { return disk_needed <= disk_free; }
  double seconds() const;          // of the run, without loading and saving; needs a probe
};

struct PlanQuestion {
  TrainRequest request;            // `out`: whose disk counts; empty: the working directory's
  double probe_seconds_max = 20;   // 0: no probe
};
// The errors of a run that cannot be, but for one that does not fit: that is an answer.
Result<RunPlan> plan_training(const PlanQuestion& question);

}  // namespace luthier::train
