#include "gpu/train/plan.hpp"

#include <algorithm>
#include <cstdio>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/locate.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/train/adapter_start.hpp"
#include "gpu/train/data_order.hpp"
#include "gpu/train/prepare.hpp"
#include "gpu/train/readable.hpp"

namespace luthier::train {
namespace {

namespace fs = std::filesystem;
using Method = TrainingConfig::Method;

// Of what is on disk of the base: an adapter's run has its checkpoints and its result, one of all weights two states and a model.
constexpr double disk_factor_lora = 1.5, disk_factor_full = 3;
constexpr double tokens_per_adapter_value = 0.5;  // see recommend()

std::size_t size_on_disk(const fs::path& model) {
  std::error_code error;
  if (!fs::is_directory(model, error)) return static_cast<std::size_t>(fs::file_size(model, error));
  std::size_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(model, error))
    if (entry.is_regular_file(error)) bytes += static_cast<std::size_t>(entry.file_size(error));
  return bytes;
}

// The nearest directory above that is there already.
std::size_t free_disk(const fs::path& out) {
  std::error_code error;
  fs::path directory = out.empty() ? fs::current_path(error) : fs::absolute(out, error);
  while (!fs::exists(directory, error) && directory.has_relative_path()) directory = directory.parent_path();
  const auto space = fs::space(directory, error);
  return error ? 0 : static_cast<std::size_t>(space.available);
}

std::int64_t values_of(const checkpoint::Adapter& adapter) {
  std::int64_t values = 0;
  for (const auto& module : adapter.modules) values += module.values();
  return values;
}

std::string rounded(double value, const char* unit) {
  char text[48];
  const auto [factor, name] = value < 1e4 ? std::pair{1.0, ""} : value < 1e6 ? std::pair{1e3, " thousand"} : value < 1e9 ? std::pair{1e6, " million"} : std::pair{1e9, " billion"};
  std::snprintf(text, sizeof text, factor == 1 ? "%.0f%s %s" : "%.1f%s %s", value / factor, name, unit);
  return text;
}

// The question for a method that is not the configuration's own.
Result<std::size_t> memory_with(const Prepared& prepared, TrainingConfig config, Method method, const checkpoint::Adapter& adapter) {
  config.method = method;
  auto question = prepared.question(config);
  question.modules = method == Method::lora ? std::span<const checkpoint::LoraModule>(adapter.modules) : std::span<const checkpoint::LoraModule>{};
  const auto memory = memory_of_run(question);
  if (!memory) return memory.error();
  return memory->total();
}

// An adapter learns as well as all weights as long as it has room for what the rows say: about two bits a value, and a token of a text
// says about one that the base does not know. Beyond that, all weights learn more, where there is memory for them.
Result<Recommendation> recommend(const Prepared& prepared, const TrainingConfig& config) {
  checkpoint::Adapter made;
  if (config.method == Method::full) {
    auto adapter = new_adapter(config, prepared.decoder);
    if (!adapter) return adapter.error();
    made = std::move(*adapter);
  }
  const checkpoint::Adapter& adapter = config.method == Method::full ? made : prepared.adapter;
  const auto full = memory_with(prepared, config, Method::full, adapter), lora = memory_with(prepared, config, Method::lora, adapter);
  if (!full) return full.error();
  if (!lora) return lora.error();
  const auto learnt = static_cast<double>(prepared.data.summary().supervised_tokens), room = static_cast<double>(values_of(adapter));
  const std::string needs = readable_bytes(*lora) + " against " + readable_bytes(*full) + " for all weights";
  const std::string sizes = "the rows have " + rounded(learnt, "tokens") + " to learn, an adapter of rank " + std::to_string(adapter.config.r) + " has " + rounded(room, "values");
  if (config.dpo) return Recommendation{Method::lora, "preferences change how a model answers, not what it knows, and the base itself is the reference; it needs " + needs};
  if (learnt <= room / tokens_per_adapter_value) return Recommendation{Method::lora, sizes + ", room enough; it needs " + needs};
  if (*full > prepared.memory_limit_bytes) return Recommendation{Method::lora, sizes + ", which is little for them, but all weights do not fit here: " + needs + "; a higher rank would learn more"};
  return Recommendation{Method::full, sizes + ", too little for them, and all weights fit here (" + readable_bytes(*full) + ")"};
}

// What one row of the data at a time would need.
Result<std::size_t> smallest_memory(const Prepared& prepared, TrainingConfig config) {
  config.batch_size = 1;
  config.packing = false;
  const auto memory = memory_of_run(prepared.question(config));
  if (!memory) return memory.error();
  return memory->total();
}

Result<void> count_rows(const Prepared& prepared, const TrainingConfig& config, RunPlan& plan) {
  const auto order = DataOrder::make(prepared.data.lengths(), config);
  if (!order) return order.error();
  const text::DatasetSummary& data = prepared.data.summary();
  plan.rows = data.rows_read;
  plan.rows_left_out = data.left_out.count;
  plan.tokens = data.tokens;
  plan.supervised_tokens = data.supervised_tokens;
  plan.steps = order->steps_total();
  plan.steps_per_epoch = order->steps_per_epoch();
  plan.tokens_in_all = static_cast<double>(plan.tokens) * static_cast<double>(plan.steps) / static_cast<double>(plan.steps_per_epoch);
  return {};
}

Result<void> weigh(const Prepared& prepared, const TrainingConfig& config, RunPlan& plan) {
  const auto question = prepared.question(config);
  const auto memory = memory_of_run(question);
  if (!memory) return memory.error();
  plan.memory = *memory;
  plan.base_storage = config.storage();
  plan.memory_free = prepared.memory_limit_bytes;
  plan.tokens_at_once = pass_size(question).tokens;
  if (!plan.fits_memory()) plan.nearest = nearest_that_fits(question);
  const auto smallest = smallest_memory(prepared, config);
  if (!smallest) return smallest.error();
  plan.memory_smallest = *smallest;
  const auto recommendation = recommend(prepared, config);
  if (!recommendation) return recommendation.error();
  plan.recommendation = *recommendation;
  return {};
}

Result<RunPlan> plan_without_probe(const TrainRequest& request) {
  const auto prepared = prepare_unplanned(request);
  if (!prepared) return prepared.error();
  RunPlan plan;
  plan.architecture = prepared->decoder.architecture;
  plan.parameters = checkpoint::count_parameters(prepared->decoder);
  const bool lora = request.config.method == Method::lora;
  plan.parameters_trained = lora ? values_of(prepared->adapter) : plan.parameters;
  plan.modules = static_cast<std::int64_t>(prepared->adapter.modules.size());
  if (auto counted = count_rows(*prepared, request.config, plan); !counted) return counted.error();
  if (auto weighed = weigh(*prepared, request.config, plan); !weighed) return weighed.error();
  const auto model = checkpoint::locate_checkpoint(request.model);
  if (!model) return model.error();
  plan.disk_needed = static_cast<std::size_t>((lora ? disk_factor_lora : disk_factor_full) * static_cast<double>(size_on_disk(*model)));
  plan.disk_free = free_disk(request.out);
  return plan;
}

}  // namespace

double RunPlan::seconds() const {
  return probe ? probe->seconds_per_token * tokens_in_all + probe->seconds_per_update * static_cast<double>(steps) : 0;
}

Result<RunPlan> plan_training(const PlanQuestion& question) {
  auto plan = plan_without_probe(question.request);
  if (!plan || !plan->fits_memory() || question.probe_seconds_max <= 0) return plan;
  if (plan->memory.total() > checkpoint::free_memory_bytes()) return plan;  // it is planned for another machine
  const auto probe = probe_run(question.request, question.probe_seconds_max);
  if (!probe) return probe.error();
  plan->probe = *probe;
  return plan;
}

}  // namespace luthier::train
