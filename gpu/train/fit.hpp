// Whether a run fits into memory, decided before a weight is read; and if it does not, what would.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/train/config.hpp"

namespace luthier::train {

struct RowShape {
  std::int64_t tokens = 0;
  std::int64_t supervised = 0;
};

struct FitQuestion {
  const checkpoint::Decoder& decoder;
  std::span<const checkpoint::LoraModule> modules;  // none: all weights are trained
  const TrainingConfig& config;
  const std::vector<RowShape>& rows;
  std::int64_t validation_tokens_max = 0;  // of the longest validation row
  std::size_t limit_bytes = 0;
};

// The size of the passes that the run needs.
model::PassSize pass_size(const FitQuestion& question);

// The plan, or out_of_memory with a batch_size or max_seq_length that would fit.
Result<model::MemoryPlan> plan_run(const FitQuestion& question);

}  // namespace luthier::train
