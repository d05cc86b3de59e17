#include "actors/api/customization_compile_parts.hpp"

namespace luthier::api {

using rest::Json;

namespace {

bool is_given(const Json& value) { return !value.is_null() && !(value.is_structured() && value.empty()); }

std::optional<Error> missing_in_model(const Json& model) {
  if (model["trust_remote_code"] == true)
    return not_supported("model.trust_remote_code", "running a model's own code", "models of the known families work without it");
  if (is_given(model["rope_scaling"])) return not_supported("model.rope_scaling", "another rope scaling", "that of the model's config.json is used");
  return std::nullopt;
}

std::optional<Error> missing_in_lora(const Json& lora) {
  if (lora.is_null()) return std::nullopt;
  const std::string place = "training.lora.";
  if (lora["bias"] != "none") return not_supported(place + "bias", "training biases", "\"none\" works");
  if (lora["init_lora_weights"] != true)
    return not_supported(place + "init_lora_weights", "this start of the adapter", "true works: a small random A, and B of zeros");
  for (const auto& [member, feature] : {std::pair("loftq_config", "LoftQ"), std::pair("modules_to_save", "training other modules in full"),
                                        std::pair("layer_replication", "replicating layers")})
    if (is_given(lora[member])) return not_supported(place + member, feature, "leave it out");
  return std::nullopt;
}

std::optional<Error> missing_in_rest(const Json& spec) {
  const auto &optimizer = spec["optimizer"], &schedule = spec["schedule"], &output = spec["output"];
  if (optimizer["optim"] == "sgd") return not_supported("optimizer.optim", "sgd", "the kinds of adamw work");
  if (optimizer["label_smoothing_factor"].get<double>() > 0) return not_supported("optimizer.label_smoothing_factor", "label smoothing", "0 works");
  if (is_given(optimizer["neftune_noise_alpha"])) return not_supported("optimizer.neftune_noise_alpha", "NEFTune noise", "leave it out");
  if (schedule["lr_scheduler_type"] == "cosine_with_restarts")
    return not_supported("schedule.lr_scheduler_type", "cosine_with_restarts", "linear, cosine, constant and constant_with_warmup work");
  if (is_given(schedule["lr_scheduler_kwargs"])) return not_supported("schedule.lr_scheduler_kwargs", "arguments of schedulers", "leave it out");
  if (output["save_method"] == "merged_4bit")
    return not_supported("output.save_method", "merged_4bit", "\"lora\" works (an adapter, or with all_weights a model), and \"merged_16bit\"");
  if (spec["hardware"]["gpus"].is_string() && spec["hardware"]["gpus"].get_ref<const std::string&>().find(',') != std::string::npos)
    return invalid("hardware.gpus: this back end trains on one GPU; name one, or leave it out");
  return std::nullopt;
}

std::vector<std::int64_t> layers_of(const Json& lora) {
  const auto& layers = lora["layers_to_transform"];
  if (layers.is_number_integer()) return {layers.get<std::int64_t>()};
  return layers.is_array() ? layers.get<std::vector<std::int64_t>>() : std::vector<std::int64_t>();
}

std::string schedule_of(const std::string& type) { return type == "constant_with_warmup" ? "constant" : type; }

}  // namespace

Result<Compiled> compile_unsloth(const Json& spec, const ModelFacts& model) {
  const auto &training = spec["training"], &schedule = spec["schedule"], &batch = spec["batch"];
  const auto &optimizer = spec["optimizer"], &dataset = spec["dataset"];
  for (const auto& missing : {missing_in_model(spec["model"]), missing_in_lora(training["lora"]), missing_in_rest(spec)})
    if (missing) return *missing;
  if (const auto error = no_text(model, "the back end unsloth")) return *error;
  Compiled compiled;
  Json& config = compiled.config;
  const bool all_weights = training["finetuning_type"] == "all_weights";
  compiled.is_adapter = !all_weights && spec["output"]["save_method"] == "lora";
  config["method"] = all_weights ? "full" : "lora";
  if (!all_weights) {
    const auto& lora = training["lora"];
    const auto layers = layers_of(lora);
    if (layers.size() > 1000) return invalid("training.lora.layers_to_transform: at most 1000 layers can be named");
    const auto targets = lora_targets(lora["target_modules"], nullptr, layers, "training.lora");
    if (!targets) return targets.error();
    config["lora"] = {{"r", lora["rank"]}, {"alpha", lora["alpha"]}, {"dropout", lora["dropout"]}, {"target_modules", *targets},
                      {"use_rslora", lora["use_rslora"]}};
    if (lora["use_dora"] == true) config["lora"]["use_dora"] = true;
    for (const auto& [member, bits] : {std::pair("load_in_4bit", 4), std::pair("load_in_8bit", 8)})
      if (spec["model"][member] == true) keep_base_in(bits, config);
    if (!compiled.is_adapter) {
      config["merge"] = true;
      compiled.warnings.push_back("output.save_method: the merged model is written in fp32, which is more exact than 16 bits and twice as large");
    }
    if (lora["random_state"] != schedule["seed"])
      compiled.warnings.push_back("training.lora.random_state: one seed is used for all, schedule.seed");
  }

  const std::int64_t micro = batch["per_device_train_batch_size"].get<std::int64_t>(), times = batch["gradient_accumulation_steps"].get<std::int64_t>();
  constexpr std::int64_t batch_max = 1'000'000;
  if (micro > batch_max || times > batch_max) return invalid("batch: at most 1000000 rows and as many accumulation steps are possible");
  config["batch_size"] = micro;
  config["gradient_accumulation"] = times;

  const auto scheduler = schedule["lr_scheduler_type"].get<std::string>();
  Optimisation optimisation;
  optimisation.place = "optimizer";
  optimisation.learning_rate = optimizer["learning_rate"].get<double>();
  optimisation.weight_decay = optimizer["weight_decay"].get<double>();
  optimisation.beta1 = optimizer["adam_beta1"].get<double>();
  optimisation.beta2 = optimizer["adam_beta2"].get<double>();
  optimisation.epsilon = optimizer["adam_epsilon"].get<double>();
  optimisation.max_grad_norm = optimizer["max_grad_norm"].get<double>();
  if (scheduler != "constant") optimisation.warmup_steps = schedule["warmup_steps"].get<std::int64_t>();
  optimisation.schedule = schedule_of(scheduler);
  if (auto ok = add_optimisation(optimisation, config); !ok) return ok.error();
  if (scheduler != "constant" && schedule["warmup_ratio"].is_number()) compiled.preparation["warmup_ratio"] = schedule["warmup_ratio"];

  const auto length = spec["model"]["max_seq_length"].get<std::int64_t>();
  if (const auto error = problem_of_length(length, "model.max_seq_length")) return *error;
  if (const auto error = problem_of_seed(schedule["seed"], "schedule.seed")) return *error;
  config["epochs"] = schedule["epochs"];
  if (schedule["max_steps"].is_number()) config["max_steps"] = schedule["max_steps"];
  config["max_seq_length"] = length;
  config["packing"] = dataset["packing"];
  config["shuffle"] = true;
  config["seed"] = schedule["seed"];

  compiled.preparation["text_field"] = dataset["text_field"];
  compiled.preparation["apply_chat_template"] = dataset["apply_chat_template"];
  compiled.preparation["any_name"] = true;
  compiled.preparation["splits"] = false;
  if (schedule["eval_steps"].is_number()) compiled.preparation["validation_steps"] = schedule["eval_steps"];

  if (spec["model"]["dtype"] != "auto") use_precision(spec["model"]["dtype"], "model.dtype", compiled);
  if (optimizer["optim"].get<std::string>().ends_with("8bit"))
    compiled.warnings.push_back("optimizer.optim: AdamW's moments are kept in fp32, which is more exact than 8 bits and takes more memory");
  if (is_given(spec["model"]["device_map"])) compiled.warnings.push_back("model.device_map: the platform chooses the device");
  warn_of_integrations(spec["integrations"], compiled);
  if (auto advice = gpu_advice(model.parameters, all_weights, 1); !advice.empty()) compiled.warnings.push_back(advice);
  return compiled;
}

}  // namespace luthier::api
