// The spec of the back end automodel. An unknown member is refused at every level.
#include "actors/api/customization_schema_parts.hpp"

namespace luthier::api {

using namespace rest;

namespace {

Schema strict(std::vector<rest::Field> fields, std::string_view name) { return object(std::move(fields)).extra(Extra::forbid).named(name); }

Schema lora() {
  return strict({optional("rank", positive(), 16), optional("alpha", positive(), 32), optional("dropout", fraction(), 0.0),
                 optional("merge", boolean(), false), optional("target_modules", list_of(text())), optional("exclude_modules", list_of(text())),
                 optional("use_triton", boolean(), true)},
                "AutomodelLora");
}

Schema training() {
  return strict({optional("training_type", one_of({"sft", "distillation"}), "sft"),
                 optional("finetuning_type", one_of({"lora", "all_weights", "lora_merged"}), "lora"),
                 optional("lora", lora()),
                 optional("max_seq_length", positive(), 2048),
                 optional("precision", one_of({"bf16", "fp16", "fp32", "fp8"})),
                 optional("attn_implementation", one_of({"sdpa", "flash_attention_2", "eager"}), "sdpa"),
                 optional("execution_profile", text().length(1)),
                 optional("teacher_model", base_model()),
                 optional("distillation_ratio", fraction(), 0.5),
                 optional("distillation_temperature", number().above(0), 1.0),
                 optional("teacher_precision", one_of({"bf16", "fp16", "fp32"}), "bf16"),
                 optional("offload_teacher", boolean(), false)},
                "AutomodelTraining")
      .check([](const Json& training) -> std::optional<std::string> {
        if (training["training_type"] == "distillation" && training["teacher_model"].is_null())
          return "teacher_model is needed for training_type distillation";
        return std::nullopt;
      });
}

Schema dataset() {
  return strict({required("training", fileset_name()), optional("validation", fileset_name()), optional("prompt_template", text())}, "AutomodelDataset");
}

Schema schedule() {
  return strict({optional("epochs", positive(), 1), optional("max_steps", positive()), optional("val_check_interval", number()),
                 optional("seed", integer())},
                "AutomodelSchedule");
}

Schema batch() {
  return strict({optional("global_batch_size", positive(), 8), optional("micro_batch_size", positive(), 1),
                 optional("sequence_packing", boolean(), false), optional("sequence_packing_max_samples", positive(), 1000)},
                "AutomodelBatch");
}

Schema optimizer() {
  return strict({optional("learning_rate", number().above(0), 5e-6),
                 optional("min_learning_rate", number().at_least(0)),
                 optional("weight_decay", number().at_least(0), 0.01),
                 optional("adam_beta1", number().at_least(0).below(1), 0.9),
                 optional("adam_beta2", number().at_least(0).below(1), 0.999),
                 optional("adam_eps", number().above(0), 1e-8),
                 optional("warmup_steps", not_negative(), 0),
                 optional("optimizer", one_of({"Adam", "AdamW"}), "Adam"),
                 optional("lr_decay_style", one_of({"cosine", "linear", "constant"}), "cosine")},
                "AutomodelOptimizer");
}

}  // namespace

Json automodel_lora_defaults() { return validate(lora(), Json::object()).value; }

Schema automodel_spec() {
  return strict({optional("name", text()),
                 required("model", base_model()),
                 required("dataset", dataset()),
                 required("training", training()),
                 optional("schedule", schedule(), Json::object()),
                 optional("batch", batch(), Json::object()),
                 optional("optimizer", optimizer(), Json::object()),
                 optional("parallelism", parallelism(Extra::forbid), Json::object()),
                 optional("output", strict({required("name", output_name()), optional("description", text())}, "AutomodelOutput")),
                 optional("integrations", backend_integrations()),
                 refused_member("output_model", "output_model is not known any more; say output: {\"name\": \"...\"} in the spec (spec.output)")},
                "AutomodelSpec");
}

}  // namespace luthier::api
