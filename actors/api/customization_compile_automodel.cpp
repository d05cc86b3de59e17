#include "actors/api/customization_compile_parts.hpp"
#include "actors/api/customization_names.hpp"

namespace luthier::api {

using rest::Json;

namespace {

std::optional<Error> missing_feature(const Json& training) {
  if (training["precision"] == "fp8") return not_supported("training.precision", "fp8", "bf16, fp16 and fp32 are accepted");
  return std::nullopt;
}

std::size_t count_of(const std::string& text, char wanted) {
  std::size_t count = 0;
  for (const char c : text) count += c == wanted ? 1 : 0;
  return count;
}

}  // namespace

Result<Compiled> compile_automodel(const Json& spec, const ModelFacts& model) {
  const auto &training = spec["training"], &schedule = spec["schedule"], &batch = spec["batch"], &optimizer = spec["optimizer"];
  if (const auto missing = missing_feature(training)) return *missing;
  const bool is_distillation = training["training_type"] == "distillation";
  if (const auto error = is_distillation ? no_text(model, "training.training_type distillation") : std::nullopt) return *error;
  Compiled compiled;
  Json& config = compiled.config;
  const bool all_weights = training["finetuning_type"] == "all_weights";
  const bool is_unmerged = training["finetuning_type"] == "lora" && training["lora"]["merge"] == false;
  compiled.is_adapter = is_unmerged && !model.is_embedding;
  if (is_unmerged && model.is_embedding)
    compiled.warnings.push_back("training.finetuning_type: the adapter is merged, because an embedding model's could not be served; the "
                                "output is a model");
  config["method"] = all_weights ? "full" : "lora";
  if (!all_weights) {
    const auto& lora = training["lora"];
    if (lora["dropout"].get<double>() >= 1) return out_of_range("training.lora.dropout", "a number from 0 to below 1", lora["dropout"]);
    const auto targets = lora_targets(lora["target_modules"], lora["exclude_modules"], {}, "training.lora");
    if (!targets) return targets.error();
    config["lora"] = {{"r", lora["rank"]}, {"alpha", lora["alpha"]}, {"dropout", lora["dropout"]}, {"target_modules", *targets}};
    if (!compiled.is_adapter) config["merge"] = true;
  }

  const auto parallelism = parallelism_of(spec["parallelism"]);
  const Batches batches{batch["global_batch_size"].get<std::int64_t>(), batch["micro_batch_size"].get<std::int64_t>(), "global_batch_size"};
  if (const auto broken = broken_parallelism(parallelism, batches, model.experts, RuleOrder::batch_first); !broken.empty())
    return invalid("parallelism: " + broken);
  add_batches(batches, config);

  Optimisation optimisation;
  optimisation.place = "optimizer";
  optimisation.learning_rate = optimizer["learning_rate"].get<double>();
  if (optimizer["min_learning_rate"].is_number()) optimisation.min_learning_rate = optimizer["min_learning_rate"].get<double>();
  optimisation.weight_decay = optimizer["weight_decay"].get<double>();
  optimisation.beta1 = optimizer["adam_beta1"].get<double>();
  optimisation.beta2 = optimizer["adam_beta2"].get<double>();
  optimisation.epsilon = optimizer["adam_eps"].get<double>();
  optimisation.warmup_steps = optimizer["warmup_steps"].get<std::int64_t>();
  optimisation.schedule = optimizer["lr_decay_style"].get<std::string>();
  if (auto ok = add_optimisation(optimisation, config); !ok) return ok.error();

  if (is_distillation) use_distillation(training, compiled);
  if (const auto error = problem_of_length(training["max_seq_length"].get<std::int64_t>(), "training.max_seq_length")) return *error;
  if (const auto error = problem_of_seed(schedule["seed"], "schedule.seed")) return *error;
  if (const auto& interval = schedule["val_check_interval"]; interval.is_number()) {
    if (interval.get<double>() < 0) return out_of_range("schedule.val_check_interval", "a number of at least 0", interval);
    compiled.preparation["validation_interval"] = interval;
  }
  if (const auto& prompt = spec["dataset"]["prompt_template"]; prompt.is_string()) {
    const auto& text = prompt.get_ref<const std::string&>();
    if (count_of(text, '{') != 2 || count_of(text, '}') != 2)
      return invalid("dataset.prompt_template: exactly two {placeholders} are needed, that of the question first");
    compiled.preparation["prompt_template"] = prompt;
  }
  config["epochs"] = schedule["epochs"];
  if (schedule["max_steps"].is_number()) config["max_steps"] = schedule["max_steps"];
  config["max_seq_length"] = training["max_seq_length"];
  config["packing"] = batch["sequence_packing"];
  config["shuffle"] = true;
  config["seed"] = schedule["seed"].is_null() ? Json(seed_default) : schedule["seed"];
  if (model.is_embedding && compiled.preparation.contains("prompt_template"))
    return invalid("dataset.prompt_template: rows of an embedding model are query, pos_doc and neg_doc; leave it out");
  if (model.is_embedding)
    if (auto ok = use_contrastive("batch.sequence_packing", compiled); !ok) return ok.error();

  use_precision(training["precision"], "training.precision", compiled);
  warn_of_devices(parallelism, compiled);
  warn_of_integrations(spec["integrations"], compiled);
  if (auto advice = gpu_advice(model.parameters, all_weights, parallelism.gpus()); !advice.empty()) compiled.warnings.push_back(advice);
  return compiled;
}

}  // namespace luthier::api
