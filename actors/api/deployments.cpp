// Deployments: the wish that a model be served, as a config has it, and what has become of it.
#include "actors/api/deployments.hpp"

#include <algorithm>

#include "actors/api/deployment_configs.hpp"
#include "actors/api/providers.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"
#include "events/base/sha256.hpp"
#include "events/record/key.hpp"

namespace luthier::api {

using namespace rest;

namespace {

const Json& details_of(const Json& of) {
  static const Json none = Json::object();
  const auto* details = find_member(of, "details");
  return details && details->is_object() ? *details : none;
}

Json config_version_in(const Json& details) {
  const auto* version = find_member(details, "config_version");
  return version && version->is_number_integer() ? *version : Json(1);  // of a job's deployment: the config was made with it
}

Json or_null(std::string text) { return text.empty() ? Json(nullptr) : Json(std::move(text)); }

// Empty as long as nothing has followed the creation.
Json history_of(const Json& row) {
  Json history = Json::array();
  const auto* entries = find_member(row, "status_history");
  if (!entries || entries->size() < 2) return history;
  for (const auto& entry : *entries)
    history.push_back({{"timestamp", http_time(entry, "timestamp")}, {"status", entry["status"]}, {"status_message", entry["status_message"]}});
  return history;
}

// ------------------------------------------------------------------------------------------------------------- schemas

constexpr const char* statuses[] = {"CREATED", "PENDING", "READY", "ERROR", "UNKNOWN", "LOST", "DELETING", "DELETED"};

Schema status_value() { return one_of({std::begin(statuses), std::end(statuses)}); }

Schema create_schema() {
  return object({required("name", entity_name()), required("config", text().length(1, 255)), optional("config_version", integer().at_least(1)),
                 optional("project", project_reference())})
      .named("CreateModelDeploymentRequest");
}

Schema update_schema() {
  return object({required("config", text().length(1, 255)), optional("config_version", integer().at_least(1))}).named("UpdateModelDeploymentRequest");
}

Schema status_schema() {
  return object({required("status", status_value()), optional("status_message", text().length(0, 1000), ""), optional("model_provider_id", text().length(0, 255))})
      .named("UpdateModelDeploymentStatusRequest");
}

Schema deployment_schema() {
  const auto entry = object({required("timestamp", timestamp()), required("status", status_value()), required("status_message", text())});
  return object({required("id", text()), required("name", text()), required("workspace", text()), optional("project", text()), required("created_at", timestamp()),
                 required("updated_at", timestamp()), required("entity_version", integer()), required("config", text()), required("config_version", integer()),
                 required("status", status_value()), required("status_message", text()), required("status_history", list_of(entry)),
                 optional("model_provider_id", text()), optional("auth_context", any())})
      .named("ModelDeployment");
}

// ------------------------------------------------------------------------------------------------------------- reading

DocumentPointer deployment_of(const Context& context) { return context.services.documents.get("deployment", context.workspace(), context.path["name"]); }

Answer no_deployment(const Context& context) { return not_found("model deployment", context.workspace(), context.path["name"]); }

// The present version and those before it, newest first.
std::vector<DocumentPointer> versions_of(const DocumentPointer& deployment) {
  std::vector<DocumentPointer> all{deployment};
  for (auto& body : earlier_versions(deployment->row)) all.push_back(std::make_shared<Document>(Json(), std::move(body)));
  return all;
}

// What the config and its version in a request stand for, or why they do not.
struct Wish {
  std::string config, model;
  std::int64_t version = 1;
  bool lora_enabled = false;
};

Or<Wish> read_wish(const Context& context, const Json& body) {
  Wish wish{body["config"].get<std::string>(), "", 1, false};
  const auto config = context.services.documents.get("deployment_config", context.workspace(), wish.config);
  const auto title = "model deployment config " + context.workspace() + "/" + wish.config;
  if (!config) return detail(400, title + " does not exist");
  wish.version = body["config_version"].is_null() ? latest_config_version(config->row) : body["config_version"].get<std::int64_t>();
  const auto version = config_version(config->row, wish.version);
  if (!version) return detail(400, "version " + std::to_string(wish.version) + " of " + title + " does not exist");
  wish.model = model_of_config(*version);
  wish.lora_enabled = (*version)["model_spec"]["lora_enabled"] == true;
  if (!context.services.settings.controllers) return wish;  // whoever moves it knows how it is served
  if ((*version)["engine"] == "generic")
    return detail(422, title + " has engine generic, and containers are not run here: configs with engine nim or vllm are served by the engine of this server");
  if (wish.model.empty()) return detail(422, title + " names no model: give model_spec.model_name or model_entity_id");
  return wish;
}

Json details_of(const Wish& wish) { return {{"config", wish.config}, {"config_version", wish.version}}; }

// ------------------------------------------------------------------------------------------------------------ handlers

Answer create_deployment(Context& context) {
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& request = std::get<Json>(body);
  const auto read = read_wish(context, request);
  if (const auto* refusal = std::get_if<Answer>(&read)) return *refusal;
  const auto& wish = std::get<Wish>(read);
  const auto name = request["name"].get<std::string>(), project = text_or_empty(request, "project");
  const auto& workspace = context.workspace();

  Json details = details_of(wish);
  if (!project.empty()) {
    const auto row = context.services.platform.read_models().get("record", workspace, events::RecordKey{"project", "", project}.text());
    if (!row || !*row) return detail(422, "project " + project + " does not exist");
    details["project"] = project;
  }
  if (const auto taken = context.services.documents.get("provider", workspace, name); taken && taken->body["model_deployment_id"] != workspace + "/" + name)
    details["provider_name"] = name + "_" + sha256_hex(context.services.platform.random_bytes(16)).substr(0, 8);

  events::CreateDeployment create;
  create.model = wish.model;
  create.lora_enabled = wish.lora_enabled;
  create.waits = true;
  create.details = {dump(details)};
  const auto done = context.submit(workspace, "deployment", name, std::move(create));
  if (!done) return from_error(done.error());
  const auto document = context.services.documents.get("deployment", workspace, name);
  if (!document) return made(document);
  // The reconciler may have begun meanwhile; what was made is what is answered.
  Json body_then = document->body;
  body_then["status"] = "CREATED";
  body_then["status_message"] = "Deployment created";
  body_then["status_history"] = Json::array();
  return created(body_then);
}

Answer list_deployments(Context& context) {
  static const PageRules page{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name", "status"}, .sort_default = "created_at"};
  static const FilterRules filter{.fields = {"status", "config", "config_version", "model_provider_id", "status_message"}};
  const auto query = read_query(context.query, {{optional("all_versions", boolean(), false), ""}});
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  if (!std::get<Json>(query)["all_versions"].get<bool>()) return list_page(context, "deployment", page, filter);

  const auto request = parse_page(context.query, page);
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  const auto& documents = context.services.documents;
  const auto present = context.workspace() == "-" ? documents.everywhere("deployment", [&](const std::string& name) { return context.sees_workspace(name); })
                                                  : *documents.all("deployment", context.workspace());
  std::vector<DocumentPointer> all;
  for (const auto& deployment : present) {
    auto versions = versions_of(deployment);
    all.insert(all.end(), versions.rbegin(), versions.rend());
  }
  return page_answer(rows_of(all), std::get<Filter>(wanted), std::get<PageRequest>(request));
}

Answer show_deployment(Context& context) {
  const auto deployment = deployment_of(context);
  return deployment ? found(deployment) : no_deployment(context);
}

Answer update_deployment(Context& context) {
  static const Schema schema = update_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  if (!deployment_of(context)) return detail(400, "model deployment " + context.workspace() + "/" + context.path["name"] + " does not exist");
  const auto read = read_wish(context, std::get<Json>(body));
  if (const auto* refusal = std::get_if<Answer>(&read)) return *refusal;
  const auto& wish = std::get<Wish>(read);
  events::ReviseDeployment revise{wish.model, wish.lora_enabled, JsonText{dump(details_of(wish))}};
  const auto done = context.submit(context.workspace(), "deployment", context.path["name"], std::move(revise));
  if (!done) return done.error().code == ErrorCode::conflict ? detail(400, done.error().message) : from_error(done.error());
  return made(deployment_of(context));
}

Answer accepted() {
  Answer answer;
  answer.status = 202;
  answer.body = "null";
  return answer;
}

Answer delete_deployment(Context& context) {
  const auto deployment = deployment_of(context);
  if (!deployment) return no_deployment(context);
  const bool lingers = !context.services.settings.controllers && deployment->body["status"] != "DELETED";
  const auto done = context.submit(context.workspace(), "deployment", context.path["name"], events::DeleteDeployment{lingers});
  if (!done) return from_error(done.error());
  return accepted();
}

Answer bad_version(const std::string& text) { return detail(400, "version: a positive integer is needed, not \"" + text.substr(0, 100) + "\""); }

Answer no_version(const Context& context, const std::string& version) {
  return detail(404, "version " + version + " of model deployment " + context.workspace() + "/" + context.path["name"] + " not found");
}

Answer set_status(Context& context) {
  static const Schema schema = status_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto before = deployment_of(context);
  if (!before) return no_deployment(context);
  if (const auto* text = context.query.find("version")) {
    const auto version = parse_version(*text);
    if (!version) return bad_version(*text);
    if (before->body["entity_version"] != *version) return no_version(context, *text);
  }
  events::SetDeploymentStatus set{wish["status"].get<std::string>(), text_or_empty(wish, "status_message"), {}};
  if (!wish["model_provider_id"].is_null()) set.provider = wish["model_provider_id"].get<std::string>();
  const auto done = context.submit(context.workspace(), "deployment", context.path["name"], std::move(set));
  if (!done) return from_error(done.error());
  if (const auto after = deployment_of(context)) return found(after);
  Json gone = before->body;  // its last status has ended it
  gone["status"] = wish["status"];
  gone["status_message"] = text_or_empty(wish, "status_message");
  gone["status_history"].push_back({{"timestamp", gone["updated_at"]}, {"status", gone["status"]}, {"status_message", gone["status_message"]}});
  return ok(gone);
}

Schema served_schema() {
  return object({required("workspace", text()), required("name", text()), required("models", list_of(map_of(any())))}).named("DeployedModels");
}

Answer list_models(Context& context) {
  const auto deployment = deployment_of(context);
  if (!deployment) return no_deployment(context);
  const auto provider = render_deployment_provider(deployment->row);
  return ok({{"workspace", context.workspace()}, {"name", context.path["name"]}, {"models", provider.value("served_models", Json::array())}});
}

Answer list_versions(Context& context) {
  const auto deployment = deployment_of(context);
  if (!deployment) return no_deployment(context);
  Json all = Json::array();
  for (const auto& version : versions_of(deployment)) all.push_back(version->body);
  return ok(all);
}

// The version that the path names.
Or<DocumentPointer> version_of(const Context& context) {
  const auto version = parse_version(context.path["version"]);
  if (!version) return bad_version(context.path["version"]);
  const auto deployment = deployment_of(context);
  if (!deployment) return no_deployment(context);
  for (const auto& one : versions_of(deployment))
    if (one->body["entity_version"] == *version) return one;
  return no_version(context, context.path["version"]);
}

Answer show_version(Context& context) {
  const auto version = version_of(context);
  if (const auto* refusal = std::get_if<Answer>(&version)) return *refusal;
  return found(std::get<DocumentPointer>(version));
}

// The present version ends the deployment; one before it is forgotten.
Answer delete_version(Context& context) {
  const auto version = version_of(context);
  if (const auto* refusal = std::get_if<Answer>(&version)) return *refusal;
  const auto& body = std::get<DocumentPointer>(version)->body;
  const auto deployment = deployment_of(context);
  if (!deployment || body["entity_version"] == deployment->body["entity_version"]) return delete_deployment(context);
  events::UpdateDeployment update;
  update.details = JsonText{dump({{"gone_versions", {{std::to_string(body["entity_version"].get<std::int64_t>()), true}}}})};
  const auto done = context.submit(context.workspace(), "deployment", context.path["name"], std::move(update));
  if (!done) return from_error(done.error());
  return accepted();
}

}  // namespace

Json render_deployment(const Json& row) {
  const auto& details = details_of(row);
  return {{"id", "model-" + text_or_empty(row, "id")},
          {"name", row["name"]},
          {"workspace", row["workspace"]},
          {"project", or_null(text_or_empty(details, "project"))},
          {"created_at", http_time(row, "created_at")},
          {"updated_at", http_time(row, "updated_at")},
          {"entity_version", row["number"]},
          {"config", text_or_empty(details, "config")},
          {"config_version", config_version_in(details)},
          {"status", row["status"]},
          {"status_message", row["status_message"]},
          {"status_history", history_of(row)},
          {"model_provider_id", provider_of_deployment(row)},
          {"auth_context", nullptr}};
}

std::vector<Json> earlier_versions(const Json& row) {
  std::vector<Json> all;
  const auto* versions = find_member(row, "versions");
  if (!versions) return all;
  const auto* gone = find_member(details_of(row), "gone_versions");
  for (auto version = versions->rbegin(); version != versions->rend(); ++version) {
    const auto number = (*version)["number"].get<std::int64_t>();
    if (gone && find_member(*gone, std::to_string(number))) continue;
    const auto& details = details_of(*version);
    Json body = render_deployment(row);
    body["created_at"] = http_time(*version, "created_at");
    body["updated_at"] = http_time(*version, "replaced_at");
    body["entity_version"] = number;
    body["config"] = text_or_empty(details, "config");
    body["config_version"] = config_version_in(details);
    body["status"] = "DELETED";
    body["status_message"] = "version " + std::to_string(number + 1) + " has taken its place";
    body["status_history"] = Json::array();
    body["model_provider_id"] = nullptr;
    all.push_back(std::move(body));
  }
  return all;
}

void add_deployments(Routes& routes, Services& services) {
  services.documents.declare({.name = "deployment", .entity = "deployment", .render = render_deployment});
  using enum WorkspaceRule;
  const std::string all = "/apis/models/v2/workspaces/{workspace}/deployments", one = all + "/{name}", versions = one + "/versions",
                    version = versions + "/{version}";
  const auto tag = "deployments";
  const PageRules page{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name", "status"}, .sort_default = "created_at"};
  auto list_query = page_fields(page);
  list_query.push_back({optional("all_versions", boolean(), false), "Earlier versions as well."});
  routes.add({.method = "POST", .path = all, .summary = "Serve a model", .tag = tag, .body = create_schema(), .answer = deployment_schema(), .success = 201,
              .errors = {400, 409}}, create, create_deployment);
  routes.add({.method = "GET", .path = all, .summary = "List deployments", .tag = tag, .answer = page_schema(deployment_schema()), .query = list_query, .errors = {400, 404}}, any, list_deployments);
  routes.add({.method = "GET", .path = one, .summary = "Show a deployment", .tag = tag, .answer = deployment_schema(), .errors = {404}}, read, show_deployment);
  routes.add({.method = "POST", .path = one, .summary = "Replace a deployment by a new version of it", .tag = tag, .body = update_schema(), .answer = deployment_schema(),
              .success = 201, .errors = {400}}, read, update_deployment);
  routes.add({.method = "DELETE", .path = one, .summary = "Stop serving", .tag = tag, .answer = literal(nullptr), .success = 202, .errors = {404}}, read, delete_deployment);
  routes.add({.method = "POST", .path = one + "/status", .summary = "Set a deployment's status by hand", .tag = tag, .body = status_schema(), .answer = deployment_schema(),
              .query = {{maybe("version", text()), "The version that is meant; the present one when it is left out."}}, .errors = {400, 404, 409}}, read, set_status);
  routes.add({.method = "GET", .path = one + "/models", .summary = "What a deployment serves", .tag = tag, .answer = served_schema(), .errors = {404}}, read, list_models);
  routes.add({.method = "GET", .path = versions, .summary = "List the versions of a deployment", .tag = tag, .answer = list_of(deployment_schema()), .errors = {404}}, read,
             list_versions);
  routes.add({.method = "GET", .path = version, .summary = "Show a version of a deployment", .tag = tag, .answer = deployment_schema(), .errors = {400, 404}}, read, show_version);
  routes.add({.method = "DELETE", .path = version, .summary = "Delete a version of a deployment", .tag = tag, .answer = literal(nullptr), .success = 202, .errors = {400, 404}}, read, delete_version);
}

}  // namespace luthier::api
