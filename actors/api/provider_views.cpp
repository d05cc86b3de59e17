#include <algorithm>

#include "actors/api/providers.hpp"

namespace luthier::api {

using rest::Json;

namespace {

const Json* member(const Json& object, const char* name) {
  const auto* found = rest::find_member(object, name);
  return found && !found->is_null() ? found : nullptr;
}

Json or_null(const Json& object, const char* name) {
  const auto* found = rest::find_member(object, name);
  return found ? *found : Json(nullptr);
}

// The provider's name: the deployment's, unless somebody had that one before.
std::string name_of(const Json& row) {
  const auto* details = member(row, "details");
  const auto chosen = details ? text_or_empty(*details, "provider_name") : "";
  return chosen.empty() ? text_or_empty(row, "name") : chosen;
}

Json served_by(const Json& row) {
  Json served = Json::array();
  const auto model = text_or_empty(row, "model");
  const auto base = parse_entity_name(model, "");
  if (!base || base->workspace.empty()) return served;
  served.push_back({{"model_entity_id", model}, {"served_model_name", model}});
  const auto* adapters = member(row, "adapters");
  if (!adapters) return served;
  for (const auto& adapter : *adapters)
    if (text_or_empty(adapter, "status") == "loaded")
      if (const auto entity = adapter_entity(model, text_or_empty(adapter, "name")))
        served.push_back({{"model_entity_id", entity->text()}, {"served_model_name", adapter["name"]}});
  return served;
}

DocumentPointer view_of(const DocumentPointer& deployment) { return deployment && !deployment->body.empty() ? deployment : nullptr; }

// The view that a provider's name means.
DocumentPointer find_view(const Documents& documents, const std::string& workspace, const std::string& name) {
  const auto view = view_of(documents.get("deployment_provider", workspace, name));
  if (view && view->body["name"] == name) return view;
  if (name.find('_') == name.npos) return nullptr;  // only a name that was taken is replaced, by one with a '_'
  for (const auto list = documents.all("deployment_provider", workspace); const auto& other : *list)
    if (view_of(other) && other->body["name"] == name) return other;
  return nullptr;
}

bool adds_to(const Json& record, const DocumentPointer& view) { return view && record["model_deployment_id"] == view->body["model_deployment_id"]; }

DocumentPointer merged(const DocumentPointer& record, const DocumentPointer& view) {
  if (!adds_to(record->body, view)) return record;
  return std::make_shared<Document>(record->row, merged_provider(record->body, view->body));
}

}  // namespace

Json provider_of_deployment(const Json& row) {
  if (const auto* said = member(row, "provider")) return *said;
  if (!member(row, "ready_since")) return nullptr;
  return text_or_empty(row, "workspace") + "/" + name_of(row);
}

Json render_deployment_provider(const Json& row) {
  if (!member(row, "ready_since")) return Json::object();
  const bool is_ready = text_or_empty(row, "status") == "READY";
  const auto* details = member(row, "details");
  return {{"id", "model-provider-" + text_or_empty(row, "id")},
          {"name", name_of(row)},
          {"workspace", row["workspace"]},
          {"project", details ? or_null(*details, "project") : Json(nullptr)},
          {"description", nullptr},
          {"host_url", text_or_empty(row, "endpoint")},
          {"api_key_secret_name", nullptr},
          {"enabled_models", nullptr},
          {"served_models", is_ready ? served_by(row) : Json::array()},
          {"status", or_null(row, "status")},
          {"status_message", or_null(row, "status_message")},
          {"default_extra_body", nullptr},
          {"default_extra_headers", nullptr},
          {"required_extra_body", nullptr},
          {"required_extra_headers", nullptr},
          {"model_deployment_id", text_or_empty(row, "workspace") + "/" + text_or_empty(row, "name")},
          {"auth_header_format", nullptr},
          {"auth_context", nullptr},
          {"created_at", http_time(row, "ready_since")},
          {"updated_at", http_time(row, "updated_at")}};
}

Json merged_provider(const Json& record, const Json& view) {
  Json body = record;
  for (const char* name : {"host_url", "status", "status_message", "served_models", "model_deployment_id"}) body[name] = view[name];
  return body;
}

DocumentPointer find_provider(const Documents& documents, const std::string& workspace, const std::string& name) {
  const auto view = find_view(documents, workspace, name);
  const auto record = documents.get("provider", workspace, name);
  return record ? merged(record, view) : view;
}

bool is_of_deployment(const Documents& documents, const Json& record) {
  return adds_to(record, find_view(documents, text_or_empty(record, "workspace"), text_or_empty(record, "name")));
}

std::vector<DocumentPointer> providers_of(const Documents& documents, const std::string& workspace) {
  const auto records = documents.all("provider", workspace), views = documents.all("deployment_provider", workspace);
  std::vector<DocumentPointer> found;
  std::vector<std::string> names;
  for (const auto& record : *records) {
    const auto name = record->body["name"].get<std::string>();
    names.push_back(name);
    found.push_back(text_or_empty(record->body, "model_deployment_id").empty() ? record : merged(record, find_view(documents, workspace, name)));
  }
  std::sort(names.begin(), names.end());
  for (const auto& view : *views)
    if (view_of(view) && !std::binary_search(names.begin(), names.end(), view->body["name"].get<std::string>())) found.push_back(view);
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return text_or_empty(a->body, "created_at") < text_or_empty(b->body, "created_at"); });
  return found;
}

std::vector<ServedModel> served_models_of(const Json& provider) {
  std::vector<ServedModel> served;
  if (const auto* models = member(provider, "served_models"); models && models->is_array())
    for (const auto& model : *models) served.push_back({text_or_empty(model, "model_entity_id"), text_or_empty(model, "served_model_name")});
  return served;
}

bool is_provider_ready(const Json& provider) { return text_or_empty(provider, "status") == "READY"; }

}  // namespace luthier::api
