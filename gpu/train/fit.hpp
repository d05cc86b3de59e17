// How much memory a run takes, by what for, known before a weight is read; whether it fits, and if it does not, what would.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/model/workspace.hpp"
#include "gpu/train/config.hpp"
#include "gpu/train/row_lengths.hpp"

namespace luthier::train {

struct FitQuestion {
  const checkpoint::Decoder& decoder;
  std::span<const checkpoint::LoraModule> modules;  // none: all weights are trained
  const TrainingConfig& config;
  RowLengths lengths;                               // of the training rows, over all parts
  std::int64_t parts = 1;                           // of a row; each is cut to max_seq_length
  std::int64_t supervised_max = 0;                  // of one row
  std::int64_t validation_tokens_max = 0;           // of the longest validation row, or of those that go together
  const checkpoint::Decoder* teacher = nullptr;     // of a distillation
  std::size_t limit_bytes = 0;
};

// In bytes, exactly what is allocated for each, but for the last two.
struct RunMemory {
  std::size_t weights = 0;      // of the model
  std::size_t loading = 0;      // a base in fewer bits is read, or merged, through f32: what that takes beyond all the rest
  std::size_t copies = 0;       // bf16 copies of weights that are trained
  std::size_t adapter = 0;      // its values
  std::size_t gradients = 0;
  std::size_t optimiser = 0;    // AdamW's moments
  std::size_t activations = 0;  // what each layer leaves for its gradients
  std::size_t logits = 0;       // of one chunk of rows, and what goes with them
  std::size_t workspace = 0;    // the passes' other buffers
  std::size_t teacher = 0;      // its weights and its workspace
  // oneDNN's code, made for the run's products, and the panels that it turns matrices into. Not exact, but measured: 12 to 20 MiB.
  std::size_t libraries = std::size_t{16} << 20;
  // The program itself, its tokenizer, and what is kept of the rows. Not exact: a bound that measurements stay below.
  std::size_t rest = 0;

  // What the process takes above its rest.
  std::size_t without_rest() const { return weights + loading + copies + adapter + gradients + optimiser + activations + logits + workspace + teacher + libraries; }
  std::size_t total() const { return without_rest() + rest; }
};

// How many rows have logits at the same time at most: beyond it a larger chunk is no faster. With all weights a chunk adds to the head's
// gradient, which is as large as the head.
std::int64_t head_chunk_max(bool full);

// The size of the passes that the run needs.
model::PassSize pass_size(const FitQuestion& question);

Result<RunMemory> memory_of_run(const FitQuestion& question);

// Settings nearest to those asked for with which the run would fit into the limit; nothing when none do.
struct Settings {
  std::int64_t batch_size = 0, max_seq_length = 0;
};
std::optional<Settings> nearest_that_fits(const FitQuestion& question);

// The memory, or out_of_memory with a batch_size or max_seq_length that would fit.
Result<RunMemory> plan_run(const FitQuestion& question);

}  // namespace luthier::train
