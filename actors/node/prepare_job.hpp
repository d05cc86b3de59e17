// What the check before a job's acceptance and the preparation after it have in common, and the arithmetic of a submitted job.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "actors/node/prepare_dataset_rows.hpp"
#include "events/job/events.hpp"
#include "events/worker/events.hpp"
#include "gpu/train/preview.hpp"

namespace luthier::node {

// The largest device's.
std::int64_t memory_of_largest(const std::vector<events::Device>& devices);

// The inputs of a job, as far as the engine's preview knows them.
events::JobInputs inputs_of(const train::Preview& plan);

// Paths of the scratch directory mean nothing to who reads the message.
Error without_path(Error error, const std::filesystem::path& path);

// What a submitted job says of its rows and of what follows from their number: the object `preparation` of SubmitJob.
struct PreparationWish {
  RowSettings rows;
  bool any_name = false;                  // every .jsonl and .json of the fileset is a file of rows
  std::string validation;                 // a fileset; read by whoever gathers the files
  std::optional<double> warmup_ratio;     // of all steps
  std::int64_t warmup_least = 0;          // steps, where the job has more than those
  std::optional<double> validation_interval;  // up to 1: of an epoch; above: steps
  std::optional<std::int64_t> validation_steps;  // the same, always steps
};
Result<PreparationWish> read_preparation(const std::string& text);

// Steps between two validations: an interval of at most 1 is a part of an epoch, more are steps, nothing or 0 is once an epoch; never
// so rare that none happens before the end.
std::int64_t validation_every(const PreparationWish& wish, std::int64_t steps_per_epoch, std::int64_t steps);

}  // namespace luthier::node
