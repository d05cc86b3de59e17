#include "gpu/train/fit.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>

#include "gpu/train/data_order.hpp"

namespace luthier::train {
namespace {

constexpr std::int64_t head_chunk_max = 256;  // rows: beyond it a larger chunk is no faster
constexpr std::int64_t useful_length_min = 16;

std::string readable(std::size_t bytes) {
  char text[32];
  const double mebibytes = static_cast<double>(bytes) / (1024.0 * 1024.0);
  std::snprintf(text, sizeof text, mebibytes < 1024 ? "%.1f MiB" : "%.2f GiB", mebibytes < 1024 ? mebibytes : mebibytes / 1024);
  return text;
}

Result<model::MemoryPlan> plan_of(const FitQuestion& q, const model::PassSize& size) {
  return model::memory_plan(q.decoder, {.full = q.config.method == TrainingConfig::Method::full,
                                        .modules = q.modules,
                                        .keep = model::Keep::gradients_and_moments,
                                        .pass = size});
}

bool fits(const FitQuestion& q, const TrainingConfig& config) {
  FitQuestion other{q.decoder, q.modules, config, q.rows, q.validation_tokens_max, q.limit_bytes};
  const auto plan = plan_of(other, pass_size(other));
  return plan && plan->total() <= q.limit_bytes;
}

// The largest value in [low, high] that fits, when smaller ones need less; 0 when none does.
std::int64_t largest_that_fits(std::int64_t low, std::int64_t high, const std::function<bool(std::int64_t)>& fits) {
  if (low > high || !fits(low)) return 0;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (fits(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

std::string advice(const FitQuestion& q, const model::MemoryPlan& plan) {
  TrainingConfig other = q.config;
  const std::int64_t batch = largest_that_fits(1, q.config.batch_size - 1, [&](std::int64_t size) {
    other.batch_size = size;
    return fits(q, other);
  });
  if (batch > 0) return "batch_size " + std::to_string(batch) + " would fit";
  other.batch_size = 1;
  const std::int64_t length = largest_that_fits(useful_length_min, q.config.max_seq_length - 1, [&](std::int64_t tokens) {
    other.max_seq_length = tokens;
    return fits(q, other);
  });
  if (length > 0) return "batch_size 1 with max_seq_length " + std::to_string(length) + " would fit";
  return "no batch would fit, because the model and its training state alone take " +
         readable(plan.weights + plan.training + plan.rest) + "; a smaller model" +
         (q.modules.empty() ? ", or method \"lora\"," : "") + " would";
}

}  // namespace

model::PassSize pass_size(const FitQuestion& q) {
  std::vector<std::int64_t> lengths;
  std::int64_t supervised = 1;
  for (const RowShape& row : q.rows) {
    lengths.push_back(std::min(row.tokens, q.config.max_seq_length));
    supervised = std::max(supervised, row.supervised);
  }
  const std::int64_t tokens = std::max(DataOrder(lengths, q.config).tokens_max(), q.validation_tokens_max);
  // Rows with few labels need few logits at a time, and small chunks stay in the cache.
  const std::int64_t chunk = std::clamp(std::min(supervised * q.config.batch_size, tokens), std::int64_t{1}, head_chunk_max);
  return {.tokens = tokens,
          .head_chunk = chunk,
          .backward = true,
          .dropout = q.config.method == TrainingConfig::Method::lora && q.config.lora.dropout > 0};
}

Result<model::MemoryPlan> plan_run(const FitQuestion& q) {
  const model::PassSize size = pass_size(q);
  auto plan = plan_of(q, size);
  if (!plan || plan->total() <= q.limit_bytes) return plan;
  return Error{ErrorCode::out_of_memory,
               "training needs " + readable(plan->total()) + " (" + readable(plan->weights) + " weights, " +
                   readable(plan->training) + " training state, " + readable(plan->workspace) + " for " +
                   std::to_string(size.tokens) + " tokens at a time), " + readable(q.limit_bytes) + " are free; " +
                   advice(q, *plan),
               "batch_size"};
}

}  // namespace luthier::train
