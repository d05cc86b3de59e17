#include "actors/api/customization_schema_parts.hpp"

#include "actors/rest/names.hpp"

namespace luthier::api {

using namespace rest;

Schema positive() { return integer().above(0); }
Schema not_negative() { return integer().at_least(0); }
Schema fraction() { return number().at_least(0).at_most(1); }

Schema base_model() {
  return text().check([](const Json& value) -> std::optional<std::string> {
    if (is_model_reference(value.get_ref<const std::string&>())) return std::nullopt;
    return "model must be the name of a model or workspace/name, not '" + value.get<std::string>().substr(0, 200) + "'";
  });
}

Schema fileset_name() {
  return text().check([](const Json& value) -> std::optional<std::string> {
    std::string name = value.get<std::string>();
    constexpr std::string_view scheme = "fileset://";
    if (name.starts_with(scheme)) name.erase(0, scheme.size());
    if (is_model_reference(name)) return std::nullopt;  // the same form
    return "a dataset must be the name of a fileset or workspace/name, not '" + value.get<std::string>().substr(0, 200) + "'";
  });
}

Schema output_name() {
  return request_name().check([](const Json& value) -> std::optional<std::string> {
    if (is_entity_name(value.get_ref<const std::string&>())) return std::nullopt;
    return "the output's name must have 2 to 63 characters of a-z 0-9 - @ . + _, start with a letter, and have no -- and no - at its end";
  });
}

Schema parallelism(Extra extra) {
  return object({optional("num_gpus_per_node", positive(), 1), optional("num_nodes", positive(), 1), optional("tensor_parallel_size", positive(), 1),
                 optional("pipeline_parallel_size", positive(), 1), optional("context_parallel_size", positive(), 1),
                 optional("expert_parallel_size", positive()), optional("sequence_parallel", boolean(), false)})
      .extra(extra)
      .named(extra == Extra::forbid ? "ParallelismSpec" : "Parallelism");
}

Schema deployment_choice(Extra extra) {
  const Schema tools = object({optional("tool_call_parser", text()), optional("tool_call_plugin", text().pattern(R"(^[\w\-.]+/[\w\-.]+$)")),
                               optional("auto_tool_choice", boolean())})
                           .extra(extra)
                           .named(extra == Extra::forbid ? "ToolCallSpec" : "ToolCallConfig");
  const Schema config = object({optional("gpu", positive(), 1), optional("additional_envs", map_of(text())), optional("disk_size", text()),
                                optional("image_name", text()), optional("image_tag", text()), optional("lora_enabled", boolean(), true),
                                optional("tool_call_config", tools)})
                            .extra(extra)
                            .named(extra == Extra::forbid ? "DeploymentSpec" : "DeploymentParams");
  return any_of({text().length(1, 127), config});
}

namespace {

Schema wandb(Extra extra, bool has_legacy_name) {
  std::vector<rest::Field> fields{optional("project", text()), optional("name", text()), optional("entity", text()), optional("tags", list_of(text())),
                            optional("notes", text()), optional("base_url", text()), optional("api_key_secret", secret_reference())};
  if (has_legacy_name) fields.push_back(maybe("run_name", text().or_null()));
  return object(std::move(fields)).extra(extra).named(has_legacy_name ? "WandbSpec" : "WandbParams");
}

Schema mlflow(Extra extra, bool has_legacy_name) {
  std::vector<rest::Field> fields{optional("experiment_name", text()), optional(has_legacy_name ? "name" : "run_name", text()),
                            optional("tags", map_of(any())), optional("description", text()), optional("tracking_uri", text())};
  if (has_legacy_name) fields.push_back(maybe("run_name", text().or_null()));
  return object(std::move(fields)).extra(extra).named(has_legacy_name ? "MlflowSpec" : "MlflowParams");
}

// Nothing in it but nulls.
std::optional<std::string> nothing_given(const Json& value) {
  for (const auto& member : value)
    if (!member.is_null()) return std::nullopt;
  return "give at least one member, or leave it out";
}

}  // namespace

Schema classic_integrations() {
  return object({optional("wandb", wandb(Extra::ignore, false)), optional("mlflow", mlflow(Extra::ignore, false))}).named("Integrations");
}

Schema backend_integrations() {
  return object({optional("wandb", wandb(Extra::forbid, true).check(nothing_given)), optional("mlflow", mlflow(Extra::forbid, true).check(nothing_given))})
      .extra(Extra::forbid)
      .check(nothing_given)
      .named("IntegrationsSpec");
}

rest::Field refused_member(std::string_view name, std::string_view hint) {
  return maybe(name, any().check([hint = std::string(hint)](const Json&) -> std::optional<std::string> { return hint; }));
}

std::optional<std::string> unservable(const Json& spec, bool makes_adapter) {
  const auto& config = spec["deployment_config"];
  if (!makes_adapter || !config.is_object() || config.value("lora_enabled", true)) return std::nullopt;
  return "deployment_config.lora_enabled is false, but the job makes a LoRA adapter, which could not be served then: leave lora_enabled out, "
         "or train all weights";
}

}  // namespace luthier::api
