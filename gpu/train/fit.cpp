#include "gpu/train/fit.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/distillation.hpp"
#include "gpu/train/optimizer.hpp"
#include "gpu/train/readable.hpp"

namespace luthier::train {
namespace {

constexpr std::int64_t useful_length_min = 16;

bool is_full(const FitQuestion& q) { return q.config.method == TrainingConfig::Method::full; }

checkpoint::BaseStorage storage_of(const FitQuestion& q) { return q.config.storage(); }

std::int64_t trained_values(const FitQuestion& q) {
  if (is_full(q)) return checkpoint::count_parameters(q.decoder);
  std::int64_t values = 0;
  for (const auto& module : q.modules) values += module.values();
  return values;
}

Result<model::MemoryPlan> engine_plan(const FitQuestion& q, const checkpoint::Decoder& decoder, const model::PassSize& pass, model::Keep keep) {
  const bool layers = decoder.num_layers > 0;
  return model::memory_plan(decoder, {.full = is_full(q), .modules = layers ? q.modules : std::span<const checkpoint::LoraModule>{}, .keep = keep, .by_layers = q.config.layerwise_updates, .pass = pass, .storage = storage_of(q)});
}

// The workspace by kind: what it would be without layers and with one row of logits is what the passes need in any case; the logits share
// memory with what layers need while they are at work, and with nothing that they keep.
Result<void> split_workspace(const FitQuestion& q, const model::PassSize& pass, std::size_t all, RunMemory& memory) {
  auto thin = pass;
  thin.head_chunk = 1;
  auto bare = q.decoder;
  bare.num_layers = 0;
  bare.layers.clear();
  const auto without_layers = engine_plan(q, bare, thin, model::Keep::gradients);
  if (!without_layers) return without_layers.error();
  memory.logits = q.decoder.has_head ? std::min(all, static_cast<std::size_t>(pass.head_chunk * q.decoder.vocab_size) * sizeof(float)) : 0;
  memory.workspace = std::min(without_layers->workspace, all - memory.logits);
  memory.activations = all - memory.logits - memory.workspace;
  return {};
}

// Reading is over before gradients and passes have memory; merging begins when the passes have none any more.
std::size_t beyond_the_rest(const FitQuestion& q, std::size_t reading, const RunMemory& m) {
  const auto beyond = [](std::size_t needed, std::size_t freed) { return needed - std::min(needed, freed); };
  const std::size_t passes = m.activations + m.logits + m.workspace;
  const std::size_t read = beyond(reading, m.gradients + m.optimiser + passes + m.teacher);
  if (!q.config.merge || storage_of(q) == checkpoint::BaseStorage::f32) return read;
  return std::max(read, beyond(checkpoint::weight_bytes(q.decoder, checkpoint::BaseStorage::f32).kept, m.weights + passes));
}

bool fits(const FitQuestion& q, const TrainingConfig& config) {
  // Of validation rows that go together, as a contrastive run's do, no more go than of the training's.
  const std::int64_t validated = config.contrastive ? std::min(q.validation_tokens_max, config.rows_at_once() * q.parts * config.max_seq_length)
                                                    : q.validation_tokens_max;
  const FitQuestion other{q.decoder, q.modules, config, q.lengths, q.parts, q.supervised_max, validated, q.teacher, q.limit_bytes};
  const auto memory = memory_of_run(other);
  return memory && memory->total() <= q.limit_bytes;
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

std::string advice(const FitQuestion& q, const RunMemory& memory) {
  if (const auto settings = nearest_that_fits(q))
    return "batch_size " + std::to_string(settings->batch_size) +
           (settings->max_seq_length < q.config.max_seq_length ? " with max_seq_length " + std::to_string(settings->max_seq_length) : "") + " would fit" +
           (q.config.contrastive && settings->max_seq_length == q.config.max_seq_length && settings->batch_size < q.config.rows_at_once()
                ? ", as would contrastive.micro_batch " + std::to_string(settings->batch_size) + " with the batch as large as it is" : "");
  return "no batch would fit, because the model and its training state alone take " +
         readable_bytes(memory.weights + memory.loading + memory.copies + memory.adapter + memory.gradients + memory.optimiser + memory.teacher + memory.libraries + memory.rest) + "; a smaller model" +
         (is_full(q) ? ", or method \"lora\"," : storage_of(q) == checkpoint::BaseStorage::f32 || storage_of(q) == checkpoint::BaseStorage::bf16 ? ", or base_storage \"nf4\"," : "") + " would";
}

}  // namespace

std::int64_t head_chunk_max(bool full) { return full ? 256 : 96; }

model::PassSize pass_size(const FitQuestion& q) {
  const std::int64_t length_max = q.parts * q.config.max_seq_length;  // which may be less than the rows were cut to
  const RowLengths lengths{q.lengths.count, [&](std::size_t row) { return std::min(q.lengths.of(row), length_max); }};
  const std::int64_t supervised = std::max(q.supervised_max, std::int64_t{1});
  const std::int64_t tokens = std::max(tokens_max(lengths, q.config), q.validation_tokens_max);
  const bool bfloat16 = q.config.dtype == TrainingConfig::Dtype::bf16;  // which reads a base in bf16 where it lies
  // Rows with few labels need few logits at a time, and small chunks stay in the cache.
  const std::int64_t chunk = std::clamp(std::min(supervised * q.config.batch_size, tokens), std::int64_t{1}, head_chunk_max(is_full(q)));
  return {.tokens = tokens,
          .head_chunk = chunk,
          .backward = true,
          .dropout = !is_full(q) && q.config.lora.dropout > 0,
          .recompute = q.config.recompute_activations,
          .stored_weights = storage_of(q) != checkpoint::BaseStorage::f32 && !(bfloat16 && storage_of(q) == checkpoint::BaseStorage::bf16),
          .bfloat16_products = bfloat16};
}

Result<RunMemory> memory_of_run(const FitQuestion& q) {
  const model::PassSize pass = pass_size(q);
  const auto values = engine_plan(q, q.decoder, pass, model::Keep::values);
  if (!values) return values.error();
  const auto plan = engine_plan(q, q.decoder, pass, model::Keep::gradients);
  if (!plan) return plan.error();
  RunMemory memory;
  memory.weights = plan->weights;
  memory.adapter = values->training;
  memory.gradients = plan->training - values->training;
  memory.copies = plan->copies;
  memory.optimiser = Optimizer::bytes(trained_values(q), q.config);
  memory.rest = plan->rest - std::min(plan->rest, memory.libraries);
  if (auto split = split_workspace(q, pass, plan->workspace, memory); !split) return split.error();
  if (q.teacher) {
    const auto teacher = model::memory_plan(*q.teacher, {.keep = model::Keep::values, .pass = teacher_pass(pass)});
    if (!teacher) return teacher.error();
    memory.teacher = teacher->weights + teacher->workspace;
  }
  memory.loading = beyond_the_rest(q, plan->loading, memory);
  return memory;
}

std::optional<Settings> nearest_that_fits(const FitQuestion& q) {
  TrainingConfig other = q.config;
  const std::int64_t batch = largest_that_fits(1, q.config.batch_size, [&](std::int64_t size) {
    other.batch_size = size;
    return fits(q, other);
  });
  if (batch > 0) return Settings{batch, q.config.max_seq_length};
  other.batch_size = 1;
  const std::int64_t length = largest_that_fits(useful_length_min, q.config.max_seq_length - 1, [&](std::int64_t tokens) {
    other.max_seq_length = tokens;
    return fits(q, other);
  });
  if (length > 0) return Settings{1, length};
  return {};
}

Result<RunMemory> plan_run(const FitQuestion& q) {
  auto memory = memory_of_run(q);
  if (!memory || memory->total() <= q.limit_bytes) return memory;
  return Error{ErrorCode::out_of_memory,
               "training needs " + readable_bytes(memory->total()) + " (" + readable_bytes(memory->weights) + " weights, " +
                   readable_bytes(memory->adapter + memory->gradients + memory->optimiser) + " training state, " +
                   (memory->teacher > 0 ? readable_bytes(memory->teacher) + " teacher, " : "") +
                   readable_bytes(memory->activations + memory->logits + memory->workspace) + " for " + std::to_string(pass_size(q).tokens) +
                   " tokens at a time), " + readable_bytes(q.limit_bytes) + " are free; " + advice(q, *memory),
               "batch_size"};
}

}  // namespace luthier::train
