#include "actors/api/customization_rules.hpp"

#include <algorithm>
#include <cstdio>

namespace luthier::api {
namespace {

std::string text(std::int64_t number) { return std::to_string(number); }

std::string broken_expert_rule(const Parallelism& p, std::optional<std::int64_t> experts) {
  if (!p.expert) return "";
  const std::int64_t ranks = p.data() * p.context;
  if (ranks % *p.expert != 0)
    return "(data_parallel_size * context_parallel_size) (" + text(p.data()) + " * " + text(p.context) + " = " + text(ranks) +
           ") must be divisible by expert_parallel_size (" + text(*p.expert) + ")";
  if (experts && *experts % *p.expert != 0)
    return "the model's " + text(*experts) + " experts must be divisible by expert_parallel_size (" + text(*p.expert) + ")";
  return "";
}

std::string broken_batch_rule(const Parallelism& p, const Batches& b) {
  const std::int64_t at_once = b.micro * p.data();
  if (b.global % at_once == 0) return "";
  const std::int64_t times = b.global / at_once;
  return std::string(b.name) + " (" + text(b.global) + ") must be divisible by micro_batch_size (" + text(b.micro) + ") * data_parallel_size (" +
         text(p.data()) + ") = " + text(at_once) + ". Consider adjusting " + b.name + " to " + text(at_once * std::max<std::int64_t>(1, times)) +
         " or " + text(at_once * (times + 1)) + ".";
}

std::string readable_bytes(double bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 5; ++unit) bytes /= 1024;
  char out[32];
  std::snprintf(out, sizeof out, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return out;
}

}  // namespace

Parallelism parallelism_of(const rest::Json& resolved) {
  Parallelism p;
  p.nodes = resolved["num_nodes"].get<std::int64_t>();
  p.gpus_per_node = resolved["num_gpus_per_node"].get<std::int64_t>();
  p.tensor = resolved["tensor_parallel_size"].get<std::int64_t>();
  p.pipeline = resolved["pipeline_parallel_size"].get<std::int64_t>();
  p.context = resolved["context_parallel_size"].get<std::int64_t>();
  if (!resolved["expert_parallel_size"].is_null()) p.expert = resolved["expert_parallel_size"].get<std::int64_t>();
  return p;
}

std::string broken_parallelism(const Parallelism& p, const Batches& batches, std::optional<std::int64_t> experts, RuleOrder order) {
  constexpr std::int64_t size_max = 1'000'000;  // products of them stay whole
  for (const auto size : {p.nodes, p.gpus_per_node, p.tensor, p.pipeline, p.context, p.expert.value_or(1), batches.micro, batches.global})
    if (size > size_max) return "a parallelism or batch size of " + text(size) + " is above " + text(size_max);
  if (p.gpus() % p.model_parallel() != 0)
    return "Total GPUs (" + text(p.gpus()) + ") must be divisible by tensor_parallel_size (" + text(p.tensor) + ") * pipeline_parallel_size (" +
           text(p.pipeline) + ") * context_parallel_size (" + text(p.context) + ") = " + text(p.model_parallel());
  auto expert = broken_expert_rule(p, experts), batch = broken_batch_rule(p, batches);
  if (order == RuleOrder::batch_first) std::swap(expert, batch);
  return expert.empty() ? batch : expert;
}

std::string gpu_advice(std::int64_t parameters, bool all_weights, std::int64_t gpus) {
  struct Guideline {
    std::int64_t parameters_max;
    const char* size;
    std::int64_t lora, full;
  };
  // For models of 1, 8 and 70 billion; each row goes to the middle between its size and the next one, on a scale of factors.
  constexpr Guideline table[] = {{3'000'000'000, "1B", 1, 1}, {24'000'000'000, "8B", 1, 4}, {INT64_MAX, "70B", 2, 8}};
  for (const auto& row : table) {
    if (parameters > row.parameters_max) continue;
    const auto wanted = all_weights ? row.full : row.lora;
    if (gpus >= wanted) return "";
    return "the guideline for a model of about " + std::string(row.size) + " parameters is " + text(wanted) + " GPUs of 80 GB for " +
           (all_weights ? "all weights" : "LoRA") + "; the job asks for " + text(gpus);
  }
  return "";
}

std::string missing_space(std::int64_t model_bytes, bool all_weights, std::uintmax_t free_bytes) {
  const double factor = all_weights ? 3 : 1.5, needed = factor * static_cast<double>(model_bytes);
  if (needed <= static_cast<double>(free_bytes)) return "";
  return std::string(all_weights ? "training all weights" : "training an adapter") + " needs " + (all_weights ? "3" : "1.5") +
         " times the size of the base model as free disk space: " + readable_bytes(needed) + " for a model of " +
         readable_bytes(static_cast<double>(model_bytes)) + ", and " + readable_bytes(static_cast<double>(free_bytes)) + " are free";
}

}  // namespace luthier::api
