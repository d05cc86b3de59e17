#include <algorithm>

#include "actors/api/customization_compile_parts.hpp"

namespace luthier::api {

using rest::Json;

namespace {

std::optional<Error> missing_feature(const Json& training) {
  const auto& peft = training["peft"];
  if (training["type"] == "dpo" && !peft.is_null()) return invalid("training.peft: LoRA is not yet supported with DPO; leave peft out, or use the type sft");
  if (training["precision"] == "fp8") return not_supported("training.precision", "fp8", "bf16, fp16 and fp32 are accepted");
  if (peft.is_null()) return std::nullopt;
  // The contract refuses both in this form; unsloth's has them.
  if (peft["use_dora"] == true)
    return not_supported("training.peft.use_dora", "DoRA", "leave use_dora out, or use unsloth's training.lora.use_dora");
  if (!peft["quantization"].is_null())
    return not_supported("training.peft.quantization", "a quantised base model", "leave quantization out, or use unsloth's load_in_4bit");
  return std::nullopt;
}

// What the loss of a DPO job can be made of in the contract, and is not here.
std::optional<Error> missing_in_dpo(const Json& training) {
  if (const auto& beta = training["ref_policy_kl_penalty"]; beta.get<double>() <= 0)
    return out_of_range("training.ref_policy_kl_penalty", "a number above 0", beta);
  for (const auto* member : {"preference_average_log_probs", "sft_average_log_probs"})
    if (training[member] == true)
      return not_supported("training." + std::string(member), "a mean over an answer's tokens", "false works: their sum");
  if (training["preference_loss_weight"].get<double>() != 1)
    return not_supported("training.preference_loss_weight", "another weight of the loss", "1 works");
  if (training["sft_loss_weight"].get<double>() != 0)
    return not_supported("training.sft_loss_weight", "a second loss on the chosen answers", "0 works");
  if (training["sequence_packing"] == true)
    return invalid("training.sequence_packing: pairs of answers are not packed; leave it out with the type dpo");
  return std::nullopt;
}

// AdamW as the contract has it for DPO: another epsilon, the gradient's clip from the spec, and a warm-up of at least one step.
void use_dpo(const Json& training, Optimisation& optimisation, Compiled& compiled) {
  compiled.config["dpo"] = {{"beta", training["ref_policy_kl_penalty"]}};
  compiled.preparation["warmup_least"] = 1;
  optimisation.epsilon = 1e-5;
  optimisation.max_grad_norm = training["max_grad_norm"].get<double>();
}

bool is_adam(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("adam") != name.npos;
}

}  // namespace

Result<Compiled> compile_classic(const Json& spec, const ModelFacts& model) {
  const auto& training = spec["training"];
  const bool is_dpo = training["type"] == "dpo", is_distillation = training["type"] == "distillation";
  if (const auto missing = missing_feature(training)) return *missing;
  if (const auto missing = is_dpo ? missing_in_dpo(training) : std::nullopt) return *missing;
  if (const auto error = is_dpo || is_distillation ? no_text(model, "training.type " + training["type"].get<std::string>()) : std::nullopt) return *error;
  Compiled compiled;
  Json& config = compiled.config;
  const auto& peft = training["peft"];
  compiled.is_adapter = !peft.is_null() && peft["merge"] == false;
  config["method"] = peft.is_null() ? "full" : "lora";
  if (!peft.is_null()) {
    if (peft["dropout"].get<double>() >= 1) return out_of_range("training.peft.dropout", "a number from 0 to below 1", peft["dropout"]);
    const auto targets = lora_targets(peft["target_modules"], nullptr, {}, "training.peft");
    if (!targets) return targets.error();
    config["lora"] = {{"r", peft["rank"]}, {"alpha", peft["alpha"]}, {"dropout", peft["dropout"]}, {"target_modules", *targets}};
    if (!compiled.is_adapter) config["merge"] = true;
    if (model.is_embedding && compiled.is_adapter)
      return invalid("training.peft.merge: an adapter of an embedding model could not be served; say merge: true, or leave peft out to train "
                     "all weights");
  }
  if (training["optimizer"].is_string() && !is_adam(training["optimizer"].get<std::string>()))
    return not_supported("training.optimizer", "the optimiser " + training["optimizer"].get<std::string>().substr(0, 64), "AdamW works: leave it out");

  const auto parallelism = parallelism_of(training["parallelism"]);
  const Batches batches{training["batch_size"].get<std::int64_t>(), training["micro_batch_size"].get<std::int64_t>(), "batch_size"};
  if (const auto broken = broken_parallelism(parallelism, batches, model.experts, RuleOrder::experts_first); !broken.empty())
    return invalid("training.parallelism: " + broken);
  add_batches(batches, config);

  Optimisation optimisation;
  optimisation.place = "training";
  optimisation.learning_rate = training["learning_rate"].get<double>();
  if (training["min_learning_rate"].is_number()) optimisation.min_learning_rate = training["min_learning_rate"].get<double>();
  optimisation.weight_decay = training["weight_decay"].get<double>();
  optimisation.beta1 = training["adam_beta1"].get<double>();
  optimisation.beta2 = training["adam_beta2"].get<double>();
  optimisation.warmup_steps = training["warmup_steps"].get<std::int64_t>();
  if (is_dpo) use_dpo(training, optimisation, compiled);
  if (is_distillation) use_distillation(training, compiled);
  if (auto ok = add_optimisation(optimisation, config); !ok) return ok.error();

  if (const auto error = problem_of_length(training["max_seq_length"].get<std::int64_t>(), "training.max_seq_length")) return *error;
  if (const auto error = problem_of_seed(training["seed"], "training.seed")) return *error;
  if (const auto& interval = training["val_check_interval"]; interval.is_number()) {
    if (interval.get<double>() < 0) return out_of_range("training.val_check_interval", "a number of at least 0", interval);
    compiled.preparation["validation_interval"] = interval;
  }
  config["epochs"] = training["epochs"];
  if (training["max_steps"].is_number()) config["max_steps"] = training["max_steps"];
  config["max_seq_length"] = training["max_seq_length"];
  config["packing"] = training["sequence_packing"];
  config["shuffle"] = true;
  config["seed"] = training["seed"].is_null() ? Json(seed_default) : training["seed"];
  if (model.is_embedding)
    if (auto ok = use_contrastive("training.sequence_packing", compiled); !ok) return ok.error();

  use_precision(training["precision"], "training.precision", compiled);
  warn_of_devices(parallelism, compiled);
  warn_of_integrations(spec["integrations"], compiled);
  if (auto advice = gpu_advice(model.parameters, peft.is_null(), parallelism.gpus()); !advice.empty()) compiled.warnings.push_back(advice);
  return compiled;
}

}  // namespace luthier::api
