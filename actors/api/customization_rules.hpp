// The arithmetic rules of fine-tuning jobs. Pure. Each gives the sentence of its refusal or advice; empty: nothing is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "actors/rest/json.hpp"

namespace luthier::api {

struct Parallelism {
  std::int64_t nodes = 1, gpus_per_node = 1, tensor = 1, pipeline = 1, context = 1;
  std::optional<std::int64_t> expert = {};

  std::int64_t gpus() const { return nodes * gpus_per_node; }
  std::int64_t model_parallel() const { return tensor * pipeline * context; }
  std::int64_t data() const { return gpus() / model_parallel(); }
};
Parallelism parallelism_of(const rest::Json& resolved);

struct Batches {
  std::int64_t global = 1, micro = 1;
  const char* name = "batch_size";  // of the global one, as the spec spells it
};

enum class RuleOrder { experts_first, batch_first };  // which of two broken rules is told

// GPUs divide by tensor * pipeline * context; data * context by expert; the global batch by micro * data. `experts`: of a model
// that is a mixture of them, a multiple of expert as well.
std::string broken_parallelism(const Parallelism& parallelism, const Batches& batches, std::optional<std::int64_t> experts, RuleOrder order);

// What the guideline table says for a model of this size, when the job asks for fewer GPUs. Advice: the planner decides.
std::string gpu_advice(std::int64_t parameters, bool all_weights, std::int64_t gpus);

// The free space that a job wants on the data directory: 1.5 times the base model for an adapter, 3 times for all weights.
std::string missing_space(std::int64_t model_bytes, bool all_weights, std::uintmax_t free_bytes);

}  // namespace luthier::api
