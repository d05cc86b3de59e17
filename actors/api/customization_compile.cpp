#include "actors/api/customization_compile.hpp"

#include "actors/api/customization_compile_parts.hpp"
#include "actors/api/customization_names.hpp"
#include "actors/api/customization_schema_parts.hpp"

namespace luthier::api {

using rest::Json;

namespace {

std::optional<std::string> text_or_none(const Json& value) {
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

std::string given_name(const Json& output) {
  const auto* name = output.is_object() ? rest::find_member(output, "name") : nullptr;
  return name && name->is_string() ? name->get<std::string>() : "";
}

// `run_name` is what `name` was called once.
void rename_runs(Json& integrations) {
  if (!integrations.is_object()) return;
  for (auto& [tool, members] : integrations.items()) {
    if (!members.is_object() || !members.contains("run_name")) continue;
    if (members["name"].is_null()) members["name"] = members["run_name"];
    members.erase("run_name");
  }
}

}  // namespace

References references_of(Backend backend, const Json& spec) {
  switch (backend) {
    case Backend::classic: {
      const auto& training = spec["training"];
      return {spec["model"].get<std::string>(), spec["dataset"].get<std::string>(), std::nullopt,
              training.contains("teacher_model") ? text_or_none(training["teacher_model"]) : std::nullopt, text_or_none(training["execution_profile"])};
    }
    case Backend::automodel: {
      const auto& training = spec["training"];
      return {spec["model"].get<std::string>(), spec["dataset"]["training"].get<std::string>(), text_or_none(spec["dataset"]["validation"]),
              text_or_none(training["teacher_model"]), text_or_none(training["execution_profile"])};
    }
    case Backend::unsloth:
      return {spec["model"]["name"].get<std::string>(), spec["dataset"]["path"].get<std::string>(), text_or_none(spec["dataset"]["validation_path"]),
              std::nullopt, std::nullopt};
  }
  return {};
}

Result<Compiled> compile(Backend backend, const Json& spec, const ModelFacts& model) {
  switch (backend) {
    case Backend::classic: return compile_classic(spec, model);
    case Backend::automodel: return compile_automodel(spec, model);
    case Backend::unsloth: return compile_unsloth(spec, model);
  }
  return Error{};
}

void fill_in(Backend backend, Json& spec) {
  if (backend == Backend::classic) return;
  auto& training = spec["training"];
  if (training["finetuning_type"].get<std::string>().starts_with("lora") && training["lora"].is_null())
    training["lora"] = backend == Backend::automodel ? automodel_lora_defaults() : unsloth_lora_defaults();
  // 4 bits are the contract's default, where nothing that is said excludes them.
  if (backend == Backend::unsloth)
    if (auto& model = spec["model"]; model["load_in_4bit"].is_null())
      model["load_in_4bit"] = training["finetuning_type"] != "all_weights" && model["load_in_8bit"] == false;
  rename_runs(spec["integrations"]);
}

void set_output(Backend backend, const Compiled& compiled, const std::string& hex12, Json& spec) {
  const auto references = references_of(backend, spec);
  const bool is_classic = backend == Backend::classic;
  const std::string given = given_name(spec["output"]);
  const std::string name =
      given.empty() ? automatic_output_name(last_part(references.model), last_part(references.dataset), hex12, !is_classic) : given;
  Json output{{"name", name},
              {"type", compiled.is_adapter ? "adapter" : "model"},
              {"fileset", is_classic && !given.empty() ? output_fileset_name(name, hex12) : name}};
  if (backend == Backend::unsloth) output["save_method"] = spec["output"]["save_method"];
  if (!is_classic) output["description"] = spec["output"].is_object() ? spec["output"]["description"] : Json(nullptr);
  spec["output"] = std::move(output);
}

}  // namespace luthier::api
