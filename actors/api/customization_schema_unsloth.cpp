// The spec of the back end unsloth. An unknown member is refused at every level.
#include "actors/api/customization_schema_parts.hpp"

namespace luthier::api {

using namespace rest;

namespace {

Schema strict(std::vector<rest::Field> fields, std::string_view name) { return object(std::move(fields)).extra(Extra::forbid).named(name); }

// load_in_4bit is true by default, but for what excludes it: that is resolved when the rest is known (see fill_in), and what a request
// says is taken at its word.
Schema model() {
  return strict({required("name", base_model()), optional("max_seq_length", positive(), 2048), optional("load_in_4bit", boolean()),
                 optional("load_in_8bit", boolean(), false), optional("dtype", one_of({"auto", "bfloat16", "float16", "float32"}), "auto"),
                 optional("trust_remote_code", boolean(), false), optional("device_map", any_of({text(), integer(), map_of(any())})),
                 optional("rope_scaling", map_of(any()))},
                "UnslothModel")
      .check([](const Json& model) -> std::optional<std::string> {
        if (model["load_in_4bit"] == true && model["load_in_8bit"] == true) return "load_in_4bit and load_in_8bit exclude each other";
        return std::nullopt;
      });
}

Schema dataset() {
  return strict({required("path", fileset_name()), optional("text_field", text().length(1), "text"), optional("apply_chat_template", boolean(), false),
                 optional("validation_path", fileset_name()), optional("packing", boolean(), false)},
                "UnslothDataset");
}

Schema lora() {
  const Json targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  return strict({optional("rank", positive(), 16),
                 optional("alpha", positive(), 16),
                 optional("dropout", number().at_least(0).below(1), 0.0),
                 optional("target_modules", list_of(text()), targets),
                 optional("bias", one_of({"none", "all", "lora_only"}), "none"),
                 optional("use_rslora", boolean(), false),
                 optional("use_dora", boolean(), false),
                 optional("random_state", integer(), 3407),
                 optional("loftq_config", map_of(any())),
                 optional("modules_to_save", list_of(text())),
                 optional("layers_to_transform", any_of({not_negative(), list_of(not_negative())})),
                 optional("layer_replication", list_of(list_of(integer()))),
                 optional("init_lora_weights", any_of({boolean(), one_of({"gaussian", "pissa", "olora", "loftq"})}), true)},
                "UnslothLora");
}

Schema training() {
  return strict({optional("training_type", literal("sft"), "sft"), optional("finetuning_type", one_of({"lora", "all_weights"}), "lora"),
                 optional("lora", lora()), optional("use_gradient_checkpointing", one_of({"unsloth", "true", "false"}), "unsloth")},
                "UnslothTraining");
}

Schema schedule() {
  return strict({optional("epochs", positive(), 1),
                 optional("max_steps", positive()),
                 optional("warmup_steps", not_negative(), 0),
                 optional("warmup_ratio", fraction()),
                 optional("lr_scheduler_type", one_of({"linear", "cosine", "constant", "constant_with_warmup", "cosine_with_restarts"}), "linear"),
                 optional("logging_steps", positive(), 1),
                 optional("save_steps", positive()),
                 optional("eval_steps", positive()),
                 optional("seed", integer(), 3407),
                 optional("lr_scheduler_kwargs", map_of(any()))},
                "UnslothSchedule")
      .check([](const Json& schedule) -> std::optional<std::string> {
        if (schedule["warmup_steps"].get<std::int64_t>() > 0 && !schedule["warmup_ratio"].is_null())
          return "warmup_steps and warmup_ratio exclude each other";
        return std::nullopt;
      });
}

Schema optimizer() {
  return strict({optional("learning_rate", number().above(0), 2e-4),
                 optional("weight_decay", number().at_least(0), 0.0),
                 optional("optim", one_of({"adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "sgd"}), "adamw_8bit"),
                 optional("adam_beta1", number(), 0.9),
                 optional("adam_beta2", number(), 0.999),
                 optional("adam_epsilon", number(), 1e-8),
                 optional("max_grad_norm", number().at_least(0), 1.0),
                 optional("label_smoothing_factor", number().at_least(0).below(1), 0.0),
                 optional("neftune_noise_alpha", number().at_least(0))},
                "UnslothOptimizer");
}

std::optional<std::string> cross_rules(const Json& spec) {
  const bool all_weights = spec["training"]["finetuning_type"] == "all_weights";
  const auto& model = spec["model"];
  if (all_weights && (model["load_in_4bit"] == true || model["load_in_8bit"] == true))
    return "finetuning_type all_weights needs load_in_4bit and load_in_8bit to be false";
  if (all_weights && !spec["training"]["lora"].is_null()) return "finetuning_type all_weights has no lora: leave training.lora out";
  const std::string save = spec["output"].is_object() ? spec["output"].value("save_method", "lora") : "lora";
  if (all_weights && save != "lora") return "output.save_method " + save + " is for finetuning_type lora only";
  return unservable(spec, !all_weights && save == "lora");
}

}  // namespace

Json unsloth_lora_defaults() { return validate(lora(), Json::object()).value; }

Schema unsloth_spec() {
  return strict({optional("name", text()),
                 required("model", model()),
                 required("dataset", dataset()),
                 optional("training", training(), Json::object()),
                 optional("schedule", schedule(), Json::object()),
                 optional("batch", strict({optional("per_device_train_batch_size", positive(), 1), optional("gradient_accumulation_steps", positive(), 1)},
                                          "UnslothBatch"),
                          Json::object()),
                 optional("optimizer", optimizer(), Json::object()),
                 optional("hardware", strict({optional("gpus", text()), optional("precision", one_of({"bf16", "fp16"}), "bf16")}, "UnslothHardware"),
                          Json::object()),
                 optional("output", strict({optional("name", output_name()), optional("description", text()),
                                            optional("save_method", one_of({"lora", "merged_16bit", "merged_4bit"}), "lora")},
                                           "UnslothOutput"),
                          Json::object()),
                 optional("integrations", backend_integrations()),
                 optional("deployment_config", deployment_choice(Extra::forbid)),
                 refused_member("output_model", "output_model is not known any more; say output: {\"name\": \"...\"} in the spec (spec.output)")},
                "UnslothSpec")
      .check(cross_rules);
}

}  // namespace luthier::api
