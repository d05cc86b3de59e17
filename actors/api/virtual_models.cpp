// Virtual models: names of a workspace that stand for served models.
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* lists[] = {"models", "request_middleware", "response_middleware", "post_response_middleware"};

std::string key_of(const std::string& name) { return events::RecordKey{"virtual_model", "", name}.text(); }

Json render_virtual_model(const Json& row) {
  const auto key = events::parse_record_key(row["name"].get<std::string>());
  const auto of_data = [&](const char* name, Json fallback) {
    const auto* found = find_member(row["data"], name);
    return found && !found->is_null() ? *found : fallback;
  };
  Json body = {{"id", row["id"]},
               {"entity_id", row["id"]},
               {"parent", ""},
               {"name", key ? key->name : ""},
               {"workspace", row["workspace"]},
               {"project", text_or_empty(row, "project").empty() ? Json(nullptr) : row["project"]},
               {"default_model_entity", of_data("default_model_entity", nullptr)},
               {"autoprovisioned", of_data("autoprovisioned", false)}};
  for (const char* name : lists) body[name] = of_data(name, Json::array());
  body["override_proxy"] = of_data("override_proxy", nullptr);
  body["created_at"] = http_time(row, "created_at");
  body["created_by"] = author(row, "created_by");
  body["updated_at"] = http_time(row, "updated_at");
  body["updated_by"] = author(row, "updated_by");
  return body;
}

// ------------------------------------------------------------------------------------------------------------- schemas

// "ws/name", or an adapter of it.
Schema model_entity() { return text().length(1, 400); }

Schema middleware() {
  return list_of(object({required("name", text().length(1, 255)), required("config_type", text().length(1, 255)), optional("config", object({}).extra(Extra::keep)),
                         optional("config_id", text().length(0, 255))})
                     .named("MiddlewareCall"))
      .items(0, 64);
}

Schema model_list() {
  return list_of(object({required("model", model_entity()), optional("backend_format", one_of({"OPENAI_CHAT", "ANTHROPIC_MESSAGES"}))}).named("VirtualModelInferenceConfig"))
      .items(0, 64);
}

Schema create_schema() {
  return object({required("name", entity_name()), optional("project", project_reference()), optional("default_model_entity", model_entity()),
                 optional("autoprovisioned", boolean(), false), optional("models", model_list(), Json::array()), optional("request_middleware", middleware(), Json::array()),
                 optional("response_middleware", middleware(), Json::array()), optional("post_response_middleware", middleware(), Json::array()),
                 optional("override_proxy", text().length(1, 255))})
      .named("CreateVirtualModelRequest");
}

Schema patch_schema() {
  return object({maybe("default_model_entity", model_entity().or_null()), maybe("autoprovisioned", boolean()), maybe("models", model_list()),
                 maybe("request_middleware", middleware()), maybe("response_middleware", middleware()), maybe("post_response_middleware", middleware()),
                 maybe("override_proxy", text().length(1, 255).or_null())})
      .named("UpdateVirtualModelRequest");
}

Schema virtual_model_schema() {
  return object({required("id", text()), required("name", text()), required("workspace", text()), optional("project", text()), optional("default_model_entity", text()),
                 required("autoprovisioned", boolean()), required("models", model_list()), required("request_middleware", middleware()),
                 required("response_middleware", middleware()), required("post_response_middleware", middleware()), optional("override_proxy", text()),
                 required("created_at", timestamp()), required("updated_at", timestamp())})
      .named("VirtualModel");
}

// Plug-ins are code that others have installed, and this server runs none.
std::optional<Answer> unknown_plugin(const Json& wish) {
  const auto refuse = [](const std::string& name) {
    return detail(422, "there is no middleware plug-in " + name + ": this server has none, and requests go straight to the model");
  };
  for (const char* list : {"request_middleware", "response_middleware", "post_response_middleware"})
    if (const auto* entries = find_member(wish, list); entries && entries->is_array() && !entries->empty()) return refuse(text_or_empty((*entries)[0], "name"));
  if (const auto proxy = text_or_empty(wish, "override_proxy"); !proxy.empty()) return refuse(proxy);
  return std::nullopt;
}

// ------------------------------------------------------------------------------------------------------------ handlers

DocumentPointer virtual_model_of(const Context& context) {
  return context.services.documents.get("virtual_model", context.workspace(), context.path["name"]);
}

Answer no_virtual_model(const Context& context) { return not_found("virtual model", context.workspace(), context.path["name"]); }

Answer create_virtual_model(Context& context) {
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  if (auto refusal = unknown_plugin(wish)) return *refusal;
  const auto name = wish["name"].get<std::string>(), project = text_or_empty(wish, "project");
  Json data = wish;
  data.erase("name");
  data.erase("project");
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::CreateRecord{project, {dump(data)}});
  if (!done) return done.error().field == "data.project" ? detail(422, done.error().message) : from_error(done.error());
  return made(context.services.documents.get("virtual_model", context.workspace(), name));
}

Answer show_virtual_model(Context& context) {
  const auto document = virtual_model_of(context);
  return document ? found(document) : no_virtual_model(context);
}

Answer patch_virtual_model(Context& context) {
  static const Schema schema = patch_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  if (!virtual_model_of(context)) return no_virtual_model(context);
  if (auto refusal = unknown_plugin(std::get<Json>(body))) return *refusal;
  events::UpdateRecord update;
  update.patch = JsonText{dump(std::get<Json>(body))};
  const auto done = context.submit(context.workspace(), "record", key_of(context.path["name"]), std::move(update));
  if (!done) return from_error(done.error());
  return show_virtual_model(context);
}

Answer delete_virtual_model(Context& context) {
  if (!virtual_model_of(context)) return no_virtual_model(context);
  const auto done = context.submit(context.workspace(), "record", key_of(context.path["name"]), events::DeleteRecord{});
  if (!done) return from_error(done.error());
  return no_content();
}

const PageRules& page_rules() {
  static const PageRules page{.size_default = 20, .size_max = 200, .sort_default = "-created_at"};
  return page;
}

Answer list_virtual_models(Context& context) {
  static const FilterRules filter{.fields = {"default_model_entity", "autoprovisioned"}};
  return list_page(context, "virtual_model", page_rules(), filter);
}

}  // namespace

void add_virtual_models(Routes& routes, Services& services) {
  services.documents.declare({.name = "virtual_model", .entity = "record", .key_prefix = key_of(""), .render = render_virtual_model});
  using enum WorkspaceRule;
  const std::string all = "/apis/inference-gateway/v2/workspaces/{workspace}/virtual-models", one = all + "/{name}";
  const auto tag = "virtual models";
  routes.add({.method = "POST", .path = all, .summary = "Create a virtual model", .tag = tag, .body = create_schema(), .answer = virtual_model_schema(), .success = 201,
              .errors = {409}}, create, create_virtual_model);
  routes.add({.method = "GET", .path = all, .summary = "List virtual models", .tag = tag, .answer = page_schema(virtual_model_schema()), .query = page_fields(page_rules()), .errors = {400, 404}}, any, list_virtual_models);
  routes.add({.method = "GET", .path = one, .summary = "Show a virtual model", .tag = tag, .answer = virtual_model_schema(), .errors = {404}}, read, show_virtual_model);
  routes.add({.method = "PATCH", .path = one, .summary = "Change a virtual model", .tag = tag, .body = patch_schema(), .answer = virtual_model_schema(), .errors = {404}}, read,
             patch_virtual_model);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a virtual model", .tag = tag, .success = 204, .errors = {404}}, read, delete_virtual_model);
}

}  // namespace luthier::api
