// The spec of the classic form. Unknown members are ignored at every level.
#include "actors/api/customization_schema_parts.hpp"
#include "actors/rest/pattern.hpp"

namespace luthier::api {

using namespace rest;

namespace {

std::optional<std::string> problem_of_dataset(const Json& value) {
  const auto& given = value.get_ref<const std::string&>();
  const std::string received = "; '" + given.substr(0, 200) + "' was received";
  constexpr std::string_view scheme = "fileset://", expected = "fileset://workspace/name";
  if (!given.starts_with(scheme)) return "dataset must have the scheme fileset://, as in " + std::string(expected) + received;
  const std::string rest = given.substr(scheme.size());
  const auto slash = rest.find('/');
  if (slash == 0 || slash == rest.npos || slash + 1 == rest.size() || rest.find('/', slash + 1) != rest.npos)
    return "dataset must name a workspace and a fileset, as in " + std::string(expected) + received;
  for (const unsigned char c : rest.substr(slash + 1))
    if (!(std::isalnum(c) || c == '_' || c == '-' || c == '.' || c >= 0x80))
      return "the fileset's name in " + std::string(expected) + " may have letters, digits, '_', '-' and '.' only" + received;
  return std::nullopt;
}

Schema lora() {
  return object({optional("type", literal("lora"), "lora"), optional("rank", integer().at_least(1).at_most(256), 8),
                 optional("alpha", integer().at_least(1), 32), optional("dropout", fraction(), 0.0), optional("target_modules", list_of(text())),
                 optional("merge", boolean(), false), optional("use_dora", boolean(), false),
                 optional("quantization", object({required("precision", one_of({"4bit", "8bit"}))}).named("QuantizationParams"))})
      .named("LoraParams");
}

std::vector<rest::Field> training_fields(std::vector<rest::Field> own) {
  std::vector<rest::Field> fields{optional("peft", lora()),
                            optional("learning_rate", number(), 1e-4),
                            optional("min_learning_rate", number()),
                            optional("weight_decay", number(), 0.01),
                            optional("adam_beta1", number(), 0.9),
                            optional("adam_beta2", number(), 0.999),
                            optional("warmup_steps", not_negative(), 0),
                            optional("optimizer", text()),
                            optional("epochs", positive(), 1),
                            optional("max_steps", positive()),
                            optional("log_every_n_steps", integer()),
                            optional("val_check_interval", number()),
                            optional("batch_size", positive(), 32),
                            optional("micro_batch_size", positive(), 1),
                            optional("sequence_packing", boolean(), false),
                            optional("max_seq_length", positive(), 2048),
                            optional("precision", one_of({"fp8", "bf16", "fp16", "fp32"})),
                            optional("seed", integer()),
                            optional("parallelism", parallelism(Extra::ignore), Json::object()),
                            optional("execution_profile", text().length(1))};
  fields.insert(fields.end(), own.begin(), own.end());
  return fields;
}

Schema training() {
  const Schema sft = object(training_fields({required("type", literal("sft"))})).named("SFTTraining");
  const Schema distillation =
      object(training_fields({required("type", literal("distillation")), required("teacher_model", base_model()),
                              optional("teacher_precision", one_of({"bf16", "fp16", "fp32"}), "bf16"), optional("distillation_ratio", fraction(), 0.5),
                              optional("distillation_temperature", number().above(0), 1.0)}))
          .named("DistillationTraining");
  const Schema dpo = object(training_fields({required("type", literal("dpo")), optional("ref_policy_kl_penalty", number().at_least(0), 0.05),
                                             optional("preference_average_log_probs", boolean(), false),
                                             optional("sft_average_log_probs", boolean(), false),
                                             optional("preference_loss_weight", number().at_least(0), 1.0),
                                             optional("sft_loss_weight", number().at_least(0), 0.0),
                                             optional("max_grad_norm", number().at_least(0), 1.0)}))
                         .named("DPOTraining");
  return tagged("type", {{"sft", sft}, {"distillation", distillation}, {"dpo", dpo}});
}

bool makes_adapter(const Json& spec) {
  const auto& peft = spec["training"]["peft"];
  return peft.is_object() && !peft.value("merge", false);
}

}  // namespace

Schema classic_spec() {
  return object({required("model", base_model()), required("dataset", text().check(problem_of_dataset)), required("training", training()),
                 optional("integrations", classic_integrations()), optional("deployment_config", deployment_choice(Extra::ignore)),
                 optional("output", object({required("name", output_name())}).named("OutputParams")),
                 optional("custom_fields", map_of(any()), Json::object()),
                 refused_member("output_model", "output_model is not known any more; say output: {\"name\": \"...\"} in the spec (spec.output)")})
      .check([](const Json& spec) { return unservable(spec, makes_adapter(spec)); })
      .named("CustomizationSpec");
}

}  // namespace luthier::api
