#include "actors/api/customization_deploy.hpp"

#include "actors/api/customization_names.hpp"

namespace luthier::api {

using rest::Json;

namespace {

std::string output_name(const DeploymentQuestion& question) { return question.spec["output"]["name"].get<std::string>(); }

// "ws/name" of what is served.
std::string served_model(const DeploymentQuestion& question) {
  return question.is_adapter ? question.base_model : question.workspace + "/" + output_name(question);
}

bool targets(const Json& version, const std::string& model) {
  if (version.value("model_entity_id", Json(nullptr)) == model) return true;
  const auto* spec = rest::find_member(version, "model_spec");
  if (!spec || !spec->is_object()) return false;
  const auto text = [&](const char* member) {
    const auto* value = rest::find_member(*spec, member);
    return value && value->is_string() ? value->get<std::string>() : std::string();
  };
  return text("model_namespace") + "/" + text("model_name") == model;
}

bool serves_adapters(const Json& version) {
  const auto* spec = rest::find_member(version, "model_spec");
  const auto* flag = spec ? rest::find_member(*spec, "lora_enabled") : nullptr;
  return flag && flag->is_boolean() && flag->get<bool>();
}

}  // namespace

Json latest_version(const Json& config_data) {
  const auto* versions = rest::find_member(config_data, "versions");
  if (!versions || !versions->is_array() || versions->empty() || !versions->back().is_object()) return nullptr;
  return versions->back();
}

events::WishedDeployment inline_deployment(const DeploymentQuestion& question, const Json& config) {
  const std::string model = served_model(question);
  const auto slash = model.find('/');
  const bool lora_enabled = config.value("lora_enabled", true);
  Json model_spec{{"model_namespace", model.substr(0, slash)}, {"model_name", model.substr(slash + 1)}, {"lora_enabled", lora_enabled}};
  if (config.contains("tool_call_config") && !config["tool_call_config"].is_null()) model_spec["tool_call_config"] = config["tool_call_config"];
  Json executor;
  for (const auto* member : {"gpu", "additional_envs", "disk_size", "image_name", "image_tag"}) executor[member] = config.value(member, Json(nullptr));
  const Json version{{"entity_version", 1},          {"created_at", question.created_at}, {"updated_at", question.created_at},
                     {"engine", "nim"},              {"model_spec", model_spec},          {"executor_config", executor},
                     {"model_entity_id", model},     {"description", "Made for the result of a fine-tuning job"}};
  return {deployment_name(model), deployment_config_name(model), {rest::dump({{"versions", Json::array({version})}})}, lora_enabled};
}

Result<events::WishedDeployment> named_deployment(const DeploymentQuestion& question, const std::string& name, const Json& latest, bool output_exists) {
  const std::string reference = full_reference(name, question.workspace), title = "deployment_config: " + reference;
  if (latest.is_null()) return invalid(title + " does not exist");
  if (question.is_adapter && !serves_adapters(latest))
    return invalid(title + " has lora_enabled false, so that it cannot serve the adapter that the job makes");
  const std::string model = served_model(question);
  if (!question.is_adapter && !(output_exists && targets(latest, model)))
    return invalid(title + " does not serve " + model + ", which the job will make; give the config inline, or name one for a model that is there");
  const std::string own = question.workspace + "/";
  const std::string config = reference.starts_with(own) ? reference.substr(own.size()) : reference;
  return events::WishedDeployment{deployment_name(model), config, {}, serves_adapters(latest)};
}

}  // namespace luthier::api
