// One training run from files to files: fine-tuning of all weights or of an adapter on labels, on preferences or with a teacher.
// Beside the result and metrics.jsonl it leaves a model card, README.md, with a picture of the losses, loss.svg.
//
// The result is a function of the files, the configuration, the instruction set and the number of threads. A run that was
// killed and started again with the same request goes on from its last checkpoint and ends with the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/dataset_source.hpp"
#include "gpu/train/config.hpp"

namespace luthier::train {

struct TrainRequest {
  std::filesystem::path model;       // a directory or a .gguf file
  std::filesystem::path adapter;     // empty: a new one; else start from it and keep its rank, alpha and targets
  std::filesystem::path data;
  std::filesystem::path validation;  // empty: none
  std::filesystem::path teacher;     // of a distillation, a directory or a .gguf file; empty: none
  std::filesystem::path out;
  TrainingConfig config;
  std::string base_model_name;       // for adapter_config.json; empty: the model's path as given

  std::int64_t validation_every = 0;       // steps; 0: after the last one only
  std::filesystem::path checkpoint_directory;  // empty: no checkpoints
  std::int64_t checkpoint_every = 0;       // steps; 0: only when the run is asked to stop
  std::size_t memory_limit_bytes = 0;      // 0: what the machine has free
  bool profile = false;                    // time the operations of each step but the first one
  std::filesystem::path trace = {};        // a file for the profile's events; empty: none
  std::function<bool()> is_cancelled = nullptr;  // while rows are read; true ends that with `cancelled`
  std::function<void(const text::ReadingProgress&)> reading = nullptr;  // meanwhile, some times a second
};

enum class Phase { loading, starting, training, validating, saving };
const char* to_string(Phase phase);

struct Progress {
  Phase phase = Phase::loading;
  std::int64_t resumed_from_step = 0;
  std::int64_t step = 0, max_steps = 0;  // steps done; 0 of 0 while the files are read
  double loss = 0, grad_norm = 0, learning_rate = 0;  // of that step
  std::int64_t tokens = 0;            // of that step: those whose loss counts
  std::int64_t tokens_read = 0;       // of that step: all that went through the network
  double tokens_per_second = 0;       // of all tokens, over this process's steps so far
  double seconds_left = 0;
  std::optional<double> validation_loss = {};  // when this step had one; preferences are validated before the first step as well
  std::vector<std::pair<std::string, double>> measures = {};  // what else that validation said, by name: of an embedding model
  bool is_best = false;               // it is the lowest so far
};

enum class Wish { go_on, checkpoint, stop };

struct TrainHooks {
  std::function<void(const std::string& line)> about_rows;  // before training, for each set of rows: what a person should know of it
  // Both are called on the thread that trains, between two steps. Either may be empty.
  std::function<void(const Progress&)> progress;
  std::function<Wish()> wish;  // stop: write a checkpoint, if there is a directory for it, and end
  std::function<void(std::int64_t step)> checkpoint_written;
};

struct TrainResult {
  bool stopped = false;  // as the hook wished; there is no output then
  std::int64_t steps = 0, resumed_from_step = 0;
  std::int64_t tokens = 0, tokens_read = 0;  // over all steps, those of earlier processes too
  double first_loss = 0, final_loss = 0;
  std::optional<double> validation_loss = {};  // of the output
  std::int64_t best_step = 0;  // the one with the lowest validation loss; 0: none was validated
  bool stopped_early = false;  // as early_stopping says; there is an output
  double seconds = 0;  // this process
  double tokens_per_second = 0;  // of its steps
  std::string profile = {};      // a table, where one was asked for
};

Result<TrainResult> train(const TrainRequest& request, const TrainHooks& hooks);

}  // namespace luthier::train
