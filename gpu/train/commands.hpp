// What the command line's training verbs do, once their arguments are read. Each returns the process's exit code: 0 done,
// 2 bad input (one line on `err` that names what is wrong), and of train 3: stopped as asked, to be gone on with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

namespace luthier::train {

inline constexpr int exit_done = 0, exit_bad_input = 2, exit_stopped = 3;

// luthier train
struct TrainOptions {
  std::filesystem::path model;       // --model: a directory or a .gguf file
  std::filesystem::path adapter;     // --adapter: start from this one
  std::filesystem::path data;        // --data
  std::filesystem::path validation;  // --validation: rows whose loss is reported
  std::filesystem::path teacher;     // --teacher: of a distillation
  std::int64_t validation_every = 0; // --validation-every STEPS; 0: at the end
  std::filesystem::path config;      // --config
  std::filesystem::path out;         // --out
  std::filesystem::path checkpoint_directory;  // --checkpoint-dir; a run goes on from the newest one in it (--resume says
                                               // the same aloud and changes nothing)
  std::int64_t checkpoint_every = 0; // --checkpoint-every STEPS; 0: only when stopped
  std::string base_model;            // --base-model: the name for adapter_config.json instead of the path
  bool progress_json = false;        // --progress json: one JSON object a line on `out`, for programs
  std::size_t memory_limit_mib = 0;  // --memory-mib; 0: what is free
  bool profile = false;              // --profile: a table of the operations' times after the run
  std::filesystem::path trace;       // --trace FILE.json: their events, for chrome://tracing or Perfetto
  int threads = 0;                   // --threads; 0: OpenMP's choice
};
// SIGTERM and SIGINT end the run after the step that is being done, with a checkpoint; SIGUSR1 only writes one.
// JSON lines: {"phase", "step", "max_steps", "loss", "grad_norm", "lr", "tokens", "tokens_read", "tokens_per_second",
// "seconds_left", "validation_loss"?, "best"?}; the first has "resumed_from_step", {"checkpoint": STEP} says that one is on disk, and
// the last, phase "done" or "stopped", has "seconds", "steps", "first_loss", "final_loss", "best_step"?, "stopped_early"?.
int train(const TrainOptions& options, std::ostream& out, std::ostream& err);

// luthier engine logits
struct LogitsOptions {
  std::filesystem::path model, adapter;
  std::string tokens;         // --tokens '[[1,2,3],[4,5]]'
  std::string dtype = "f32";  // --dtype f32|bf16
  std::string base_storage = "f32";  // --base-storage f32|bf16|int8|nf4|as_stored: what the weights are kept as
  std::filesystem::path out;  // --out
  int threads = 0;
};
int logits(const LogitsOptions& options, std::ostream& out, std::ostream& err);

// luthier engine loss
struct LossOptions {
  std::filesystem::path model, adapter, data;
  std::int64_t packing = 0;         // --packing LENGTH; 0: rows as they are
  std::filesystem::path gradients;  // --gradients
  std::string base_storage = "f32"; // --base-storage
  std::string dtype = "f32";        // --dtype f32|bf16: of the products, as training has it
  int threads = 0;
};
int loss(const LossOptions& options, std::ostream& out, std::ostream& err);

}  // namespace luthier::train
