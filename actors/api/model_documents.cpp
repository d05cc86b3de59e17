#include "actors/api/model_documents.hpp"

#include <algorithm>

#include "actors/api/model_spec.hpp"
#include "actors/rest/lax.hpp"
#include "actors/rest/names.hpp"
#include "events/model/finetuning.hpp"

namespace luthier::api {

using namespace rest;

namespace {

Json text_or_null(const Json& row, const char* member) {
  auto text = text_or_empty(row, member);
  return text.empty() ? Json() : Json(std::move(text));
}

// A member of the details; null when it is not there.
Json kept(const Json& details, const char* member) {
  const auto* value = find_member(details, member);
  return value ? *value : Json();
}

Json first_of(Json first, Json second) { return first.is_null() ? std::move(second) : std::move(first); }

Json spec_of(const Json& row, const Json& details, bool verbose) {
  const Json read = kept(row, "spec"), given = kept(details, "spec");
  const bool shows_given = read.is_null() || (row.value("spec_is_given", false) && !given.is_null());
  return shows_given ? shown_spec(given, SpecSource::given, verbose) : shown_spec(read, SpecSource::read, verbose);
}

// Why it cannot be used: it cannot be read, or the engine does not have its kind. No member of the contract, so it is there only then.
Json problem_of(const Json& row) {
  return first_of(text_or_null(row, "spec_error"), text_or_null(kept(row, "spec"), "unsupported"));
}

// What its users have said, and those that serve it now.
Json providers_of(const Json& row, const Json& details) {
  Json providers = first_of(kept(details, "model_providers"), Json::array());
  if (const auto* serving = find_member(row, "providers"); serving && serving->is_array())
    for (const auto& provider : *serving)
      if (std::find(providers.begin(), providers.end(), provider) == providers.end()) providers.push_back(provider);
  return providers;
}

Json object_for(std::size_t members) {
  Json object = Json::object();
  object.get_ref<Json::object_t&>().reserve(members);
  return object;
}

// 8.0 as 8.
Json plain_number(const Json& number) {
  if (!number.is_number_float()) return number;
  const auto integer = whole(number.get<double>());
  return integer ? Json(*integer) : number;
}

// A rank of 0: nobody has said it, and there was nothing to read it from. So for alpha.
Json lora_of(const Json& row) {
  const Json lora = kept(row, "lora");
  if (!lora.is_object() || lora.value("rank", 0) < 1) return nullptr;
  const Json alpha = plain_number(lora["alpha"]);
  return {{"rank", lora["rank"]}, {"alpha", alpha == 0 ? Json() : alpha}};
}

}  // namespace

Json render_model(const Json& row, Verbosity verbosity) {
  static const Json none = Json::object();
  const auto* its_details = find_member(row, "details");
  const Json& details = its_details && its_details->is_object() ? *its_details : none;
  Json adapters = Json::array();
  if (const auto* rows = find_member(row, "adapters"))
    for (const auto& adapter : *rows)
      if (adapter.is_object()) adapters.push_back(render_adapter(adapter));
  // Member by member: the library makes a list of lists of such braces first, which took most of the time of a small model.
  Json model = object_for(20);
  append_member(model, "id", row["id"]);
  append_member(model, "name", row["name"]);
  append_member(model, "workspace", row["workspace"]);
  append_member(model, "project", kept(details, "project"));
  append_member(model, "description", text_or_null(row, "description"));
  append_member(model, "spec", spec_of(row, details, verbosity == Verbosity::verbose));
  append_member(model, "finetuning_type", first_of(kept(details, "finetuning_type"), kept(row, "finetuning_type")));
  append_member(model, "fileset", text_or_null(row, "fileset"));
  append_member(model, "base_model", first_of(kept(details, "base_model"), text_or_null(row, "base_model")));
  append_member(model, "api_endpoint", kept(details, "api_endpoint"));
  append_member(model, "backend_format", kept(details, "backend_format"));
  append_member(model, "prompt", kept(details, "prompt"));
  append_member(model, "custom_fields", first_of(kept(details, "custom_fields"), Json::object()));
  append_member(model, "ownership", kept(details, "ownership"));
  append_member(model, "model_providers", providers_of(row, details));
  append_member(model, "trust_remote_code", kept(details, "trust_remote_code") == true);
  append_member(model, "adapters", std::move(adapters));
  append_member(model, "created_at", http_time(row, "created_at"));
  append_member(model, "updated_at", http_time(row, "updated_at"));
  if (auto problem = problem_of(row); !problem.is_null()) append_member(model, "spec_error", std::move(problem));
  return model;
}

Json render_adapter(const Json& row) {
  Json adapter = object_for(10);
  append_member(adapter, "name", row["name"]);
  append_member(adapter, "workspace", row["workspace"]);
  append_member(adapter, "description", text_or_null(row, "description"));
  append_member(adapter, "fileset", row["fileset"]);
  append_member(adapter, "finetuning_type", row["finetuning_type"]);
  append_member(adapter, "enabled", row["enabled"]);
  append_member(adapter, "lora_config", lora_of(row));
  append_member(adapter, "model", row["model"]);
  append_member(adapter, "created_at", http_time(row, "created_at"));
  append_member(adapter, "updated_at", http_time(row, "updated_at"));
  return adapter;
}

Schema adapter_schema() {
  return object({required("name", text()), required("workspace", text()), optional("description", text()), required("fileset", text()),
                 required("finetuning_type", text()), required("enabled", boolean()),
                 optional("lora_config", object({required("rank", integer()), optional("alpha", number())})), required("model", text()),
                 required("created_at", timestamp()), required("updated_at", timestamp())})
      .named("Adapter");
}

Schema finetuning_type() { return one_of({events::finetuning_types.begin(), events::finetuning_types.end()}).named("FinetuningType"); }

Schema inference_params() {
  return object({maybe("model", text().or_null()), maybe("temperature", number().at_least(0).at_most(2).or_null()),
                 maybe("max_tokens", integer().at_least(1).or_null()), maybe("max_completion_tokens", integer().at_least(1).or_null()),
                 maybe("top_p", number().at_least(0).at_most(1).or_null()), maybe("stop", list_of(text()).or_null())})
      .extra(Extra::keep)
      .named("InferenceParams");
}

Schema prompt_data() {
  return object({optional("system_prompt", text()), optional("icl_few_shot_examples", text()), optional("inference_params", inference_params()),
                 optional("system_prompt_template", text())})
      .named("PromptData");
}

Schema fileset_reference() { return model_reference(); }

std::string full_reference(const std::string& reference, const std::string& workspace) {
  return reference.empty() || reference.find('/') != reference.npos ? reference : workspace + "/" + reference;
}

std::pair<std::string, std::string> parts_of(const std::string& full) {
  const auto slash = full.find('/');
  if (slash == full.npos) return {"", full};
  return {full.substr(0, slash), full.substr(slash + 1)};
}

std::optional<Answer> denied_fileset(const Context& context, const std::string& full) {
  const auto workspace = parts_of(full).first;
  if (workspace.empty() || workspace == context.workspace() || context.sees_workspace(workspace)) return std::nullopt;
  if (!context.services.documents.get("workspace", "system", workspace)) return std::nullopt;
  return detail(403, "you may not read the fileset " + full);
}

Answer fileset_refusal(const Context& context, const Error& error, const std::string& full) {
  if (!error.field.starts_with("data.fileset") || error.code == ErrorCode::conflict) return from_error(error);
  if (error.code == ErrorCode::internal || error.code == ErrorCode::unavailable) return from_error(error);
  const auto [workspace, name] = parts_of(full);
  const auto row = context.services.platform.read_models().get("fileset_head", workspace, name);
  if (row && !*row) return detail(400, "fileset " + full + " not found: it does not exist");
  const auto fileset = row ? Json::parse(**row, nullptr, false) : Json();
  if (fileset.is_object() && fileset.value("file_count", 1) == 0) return detail(400, "fileset " + full + " is empty; put files into it first");
  return detail(400, "fileset " + full + ": " + error.message);
}

}  // namespace luthier::api
