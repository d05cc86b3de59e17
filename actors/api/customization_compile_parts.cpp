#include "actors/api/customization_compile_parts.hpp"

#include <algorithm>
#include <cmath>

namespace luthier::api {

using rest::Json;

namespace {

constexpr std::int64_t count_max = 1'000'000'000;  // the engine's
constexpr std::size_t targets_max = 1000;

bool is_pattern(std::string_view name) { return name.find_first_of("*?[") != name.npos; }

// A name as part of a regular expression for whole names.
std::string expression_of(std::string_view name) {
  std::string out = is_pattern(name) ? "" : "(?:.*\\.)?";
  for (const char c : name) {
    if (c == '*') out += ".*";
    else if (c == '?') out += '.';
    else if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '[' || c == ']') out += c;
    else (out += '\\') += c;
  }
  return out;
}

std::string any_of_names(const Json& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : "|") + expression_of(name.get_ref<const std::string&>());
  return "(?:" + out + ")";
}

std::optional<Error> problem_of_names(const Json& names, const std::string& member) {
  if (names.is_null()) return std::nullopt;
  if (names.empty() || names.size() > targets_max) return invalid(member + ": 1 to 1000 names are needed, or leave it out");
  for (const auto& name : names) {
    const auto& text = name.get_ref<const std::string&>();
    if (text.empty() || text.size() > 200) return invalid(member + ": a name has 1 to 200 characters");
    for (const unsigned char c : text)
      if (c < 0x21 || c > 0x7e) return invalid(member + ": a name has letters, digits, '_', '.', '-' and the wildcards '*' and '?'");
  }
  return std::nullopt;
}

}  // namespace

Error not_supported(const std::string& member, const std::string& feature, const std::string& what_works) {
  return invalid(member + ": " + feature + " is not yet supported; " + what_works);
}

Error out_of_range(const std::string& member, const std::string& rule, const Json& given) {
  return invalid(member + ": " + rule + " is needed, not " + rest::dump(given).substr(0, 64));
}

std::optional<Error> no_text(const ModelFacts& model, const std::string& needed_by) {
  if (!model.is_embedding) return std::nullopt;
  return invalid("model " + model.reference + " is an embedding model, and " + needed_by +
                 " needs one that generates text; embedding models are trained with the type sft, or by automodel");
}

// The micro-batch does not matter: each query is compared with its own passages alone, one that answers it and four that do not.
Result<void> use_contrastive(const std::string& packing, Compiled& compiled) {
  constexpr std::int64_t text_tokens_max = 512;
  Json& config = compiled.config;
  if (config["packing"] == true) return invalid(packing + ": texts of an embedding model are not packed; leave it out");
  config["max_seq_length"] = std::min(config["max_seq_length"].get<std::int64_t>(), text_tokens_max);
  config["contrastive"] = {{"temperature", 0.02},       {"in_batch_negatives", false}, {"negatives", 4},
                           {"query_prefix", "query: "}, {"passage_prefix", "passage: "}};
  return {};
}

void use_distillation(const Json& training, Compiled& compiled) {
  compiled.config["distillation"] = {{"temperature", training["distillation_temperature"]}, {"mixing", training["distillation_ratio"]}};
  if (const auto& precision = training["teacher_precision"]; precision != "fp32")
    compiled.warnings.push_back("training.teacher_precision is " + precision.get<std::string>() + ": the teacher is read as it is stored and computes in fp32");
}

Result<Json> lora_targets(const Json& targets, const Json& excluded, const std::vector<std::int64_t>& layers, const std::string& member) {
  for (const auto& [names, which] : {std::pair(&targets, "target_modules"), std::pair(&excluded, "exclude_modules")})
    if (auto problem = problem_of_names(*names, member + "." + which)) return *problem;
  const bool has_targets = !targets.is_null() && !(targets.size() == 1 && targets[0] == "*proj");
  bool is_plain = excluded.is_null() && layers.empty();
  if (!has_targets && is_plain) return Json("all-linear");
  if (has_targets)
    for (const auto& name : targets) is_plain = is_plain && !is_pattern(name.get_ref<const std::string&>());
  if (is_plain) return targets;
  std::string expression;
  if (!layers.empty()) {
    std::string numbers;
    for (const auto layer : layers) numbers += (numbers.empty() ? "" : "|") + std::to_string(layer);
    expression += "(?=model\\.layers\\.(?:" + numbers + ")\\.)";
  }
  if (!excluded.is_null()) expression += "(?!" + any_of_names(excluded) + "$)";
  return Json(expression + (has_targets ? any_of_names(targets) : ".*proj"));
}

void keep_base_in(int bits, Json& config) { config["base_storage"] = bits == 4 ? "nf4" : "int8"; }

Result<void> add_optimisation(const Optimisation& o, Json& config) {
  const auto name = [&](const char* member) { return o.place + "." + member; };
  if (!(o.learning_rate >= 0) || !std::isfinite(o.learning_rate)) return out_of_range(name("learning_rate"), "a number of at least 0", o.learning_rate);
  if (!(o.min_learning_rate >= 0)) return out_of_range(name("min_learning_rate"), "a number of at least 0", o.min_learning_rate);
  if (!(o.weight_decay >= 0)) return out_of_range(name("weight_decay"), "a number of at least 0", o.weight_decay);
  for (const auto& [beta, which] : {std::pair(o.beta1, "adam_beta1"), std::pair(o.beta2, "adam_beta2")})
    if (!(beta >= 0 && beta < 1)) return out_of_range(name(which), "a number from 0 to below 1", beta);
  if (!(o.epsilon > 0)) return out_of_range(name("adam_epsilon"), "a number above 0", o.epsilon);
  if (o.warmup_steps > count_max) return out_of_range(name("warmup_steps"), "at most 1000000000", o.warmup_steps);
  config["learning_rate"] = o.learning_rate;
  config["min_learning_rate"] = o.min_learning_rate;
  config["warmup_steps"] = o.warmup_steps;
  config["schedule"] = o.schedule;
  config["betas"] = {o.beta1, o.beta2};
  config["eps"] = o.epsilon;
  config["weight_decay"] = o.weight_decay;
  config["max_grad_norm"] = o.max_grad_norm;
  return {};
}

void add_batches(const Batches& batches, Json& config) {
  config["batch_size"] = batches.micro;
  config["gradient_accumulation"] = batches.global / batches.micro;
}

std::optional<Error> problem_of_length(std::int64_t max_seq_length, const std::string& member) {
  if (max_seq_length >= 2 && max_seq_length <= count_max) return std::nullopt;
  return out_of_range(member, "a number from 2 to 1000000000", max_seq_length);
}

std::optional<Error> problem_of_seed(const Json& seed, const std::string& member) {
  if (seed.is_null() || (seed.is_number_integer() && seed.get<std::int64_t>() >= 0)) return std::nullopt;
  return out_of_range(member, "a whole number of at least 0", seed);
}

void use_precision(const Json& precision, const std::string& member, Compiled& compiled) {
  if (precision.is_null() || precision == "fp32" || precision == "float32" || precision == "auto") return;
  if (precision == "bf16" || precision == "bfloat16") {
    compiled.config["dtype"] = "bf16";
    return;
  }
  const bool is_base_smaller = compiled.config.contains("base_storage");
  compiled.warnings.push_back(member + " is " + precision.get<std::string>() +
                              ": this engine trains in fp32, which is at least as exact and takes more memory" +
                              (is_base_smaller ? "; the base model alone is kept in fewer bits" : ""));
}

void warn_of_devices(const Parallelism& parallelism, Compiled& compiled) {
  compiled.devices = parallelism.gpus();
  if (compiled.devices > 1)
    compiled.warnings.push_back("the job asks for " + std::to_string(compiled.devices) +
                                " devices and waits until as many are there; one of them trains, with the same batches");
}

void warn_of_integrations(const Json& integrations, Compiled& compiled) {
  if (!integrations.is_object()) return;
  for (const auto& [name, what] : {std::pair("wandb", "Weights & Biases"), std::pair("mlflow", "MLflow")})
    if (integrations.contains(name) && !integrations[name].is_null())
      compiled.warnings.push_back(std::string("integrations.") + name + ": nothing is sent to " + what + "; steps and losses are in the job's status");
}

}  // namespace luthier::api
