// The routes of providers.
#include "actors/api/providers.hpp"

#include <algorithm>
#include <cstring>
#include <regex>

#include "actors/api/services.hpp"
#include "actors/gateway/upstream.hpp"
#include "actors/rest/names.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* statuses[] = {"CREATED", "PENDING", "READY", "ERROR", "UNKNOWN", "LOST", "DELETING", "DELETED"};
constexpr const char* settings_of_client[] = {"host_url",           "description",         "api_key_secret_name",  "enabled_models",         "default_extra_body",
                                              "default_extra_headers", "required_extra_body", "required_extra_headers", "model_deployment_id", "auth_header_format"};

std::string key_of(const std::string& name) { return events::RecordKey{"provider", "", name}.text(); }

Json render_provider(const Json& row) {
  const auto key = events::parse_record_key(row["name"].get<std::string>());
  const auto of_data = [&](const char* name, Json fallback = nullptr) {
    const auto* found = find_member(row["data"], name);
    return found && !found->is_null() ? *found : fallback;
  };
  Json body = {{"id", "model-" + row["id"].get<std::string>()},
               {"name", key ? key->name : ""},
               {"workspace", row["workspace"]},
               {"project", text_or_empty(row, "project").empty() ? Json(nullptr) : row["project"]}};
  for (const char* name : {"description", "host_url", "api_key_secret_name", "enabled_models"}) body[name] = of_data(name);
  body["served_models"] = of_data("served_models", Json::array());
  body["status"] = of_data("status", "UNKNOWN");
  body["status_message"] = of_data("status_message", "");
  for (const char* name : {"default_extra_body", "default_extra_headers", "required_extra_body", "required_extra_headers", "model_deployment_id",
                           "auth_header_format"})
    body[name] = of_data(name);
  body["auth_context"] = nullptr;
  body["created_at"] = http_time(row, "created_at");
  body["updated_at"] = http_time(row, "updated_at");
  return body;
}

// ------------------------------------------------------------------------------------------------------------- schemas

std::vector<std::string> all_statuses() { return {std::begin(statuses), std::end(statuses)}; }

Schema host_url() {
  return text().length(1, 2048).check([](const Json& url) -> std::optional<std::string> {
    if (gateway::parse_upstream_address(url.get_ref<const std::string&>())) return std::nullopt;
    return "host_url must be http:// or https:// with a host, and without a user name, a query or a fragment";
  });
}

// One template, one variable: "Authorization: Bearer {{ auth_secret }}".
Schema auth_header_format() {
  return text().length(1, 1024).check([](const Json& format) -> std::optional<std::string> {
    static const std::regex shape(R"(^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^{}\r\n]*\{\{\s*auth_secret\s*\}\}[^{}\r\n]*$)");
    if (std::regex_match(format.get_ref<const std::string&>(), shape)) return std::nullopt;
    return "auth_header_format must be a header with the one variable auth_secret, such as \"X-Api-Key: {{ auth_secret }}\"";
  });
}

Schema served_model() {
  return object({required("model_entity_id", text().length(1, 255)), required("served_model_name", text().length(1, 255))}).named("ServedModelMapping");
}

// Headers that are sent on with each request: none of them may begin another one.
std::optional<std::string> problem_of_headers(const Json& headers) {
  const auto is_in_name = [](unsigned char c) { return c > ' ' && c < 0x7F && !std::strchr("()<>@,;:\\\"/[]?={}", c); };
  const auto is_in_value = [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7F); };
  for (const auto& [name, value] : headers.items()) {
    const auto& text = value.get_ref<const std::string&>();
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_in_name)) return "\"" + name.substr(0, 100) + "\" is no name of a header";
    if (!std::all_of(text.begin(), text.end(), is_in_value)) return "the header " + name.substr(0, 100) + " has line ends or other control characters";
  }
  return std::nullopt;
}

std::vector<rest::Field> settings() {
  const auto headers = [] { return map_of(text().length(0, 16 * 1024)).items(0, 64).check(problem_of_headers); };
  return {optional("project", project_reference()),
          optional("description", description()),
          required("host_url", host_url()),
          optional("api_key_secret_name", text().length(0, 255)),
          optional("enabled_models", list_of(text()).items(0, 1000)),
          optional("default_extra_body", object({}).extra(Extra::keep)),
          optional("default_extra_headers", headers()),
          optional("required_extra_body", object({}).extra(Extra::keep)),
          optional("required_extra_headers", headers()),
          optional("model_deployment_id", text().length(0, 255)),
          optional("auth_header_format", auth_header_format())};
}

Schema create_schema() {
  auto fields = settings();
  fields.insert(fields.begin(), required("name", entity_name()));
  fields.push_back(optional("status", one_of(all_statuses())));
  return object(std::move(fields)).named("CreateModelProviderRequest");
}

Schema replace_schema() { return object(settings()).named("UpdateModelProviderRequest"); }

Schema status_schema() {
  return object({maybe("status", one_of(all_statuses()).or_null()), maybe("status_message", text().length(0, 1000).or_null()),
                 maybe("served_models", list_of(served_model()).items(0, 1000).or_null()), maybe("model_deployment_id", text().length(0, 255).or_null())})
      .named("UpdateModelProviderStatusRequest");
}

Schema provider_schema() {
  auto fields = settings();
  fields.insert(fields.begin(), {required("id", text()), required("name", text()), required("workspace", text())});
  fields.push_back(required("served_models", list_of(served_model())));
  fields.push_back(required("status", one_of(all_statuses())));
  fields.push_back(optional("status_message", text()));
  fields.push_back(required("created_at", timestamp()));
  fields.push_back(required("updated_at", timestamp()));
  return object(std::move(fields)).named("ModelProvider");
}

// ------------------------------------------------------------------------------------------------------------- handlers

Json data_of(const Json& wish) {
  Json data = Json::object();
  for (const char* name : settings_of_client) data[name] = wish.value(name, Json(nullptr));
  return data;
}

void as_created(Json& data) {
  data["served_models"] = Json::array();
  data["status"] = "CREATED";
  data["status_message"] = "Model provider created";
}

std::optional<Answer> check_secret(const Context& context, const Json& wish) {
  const auto name = text_or_empty(wish, "api_key_secret_name");
  if (name.empty()) return std::nullopt;
  const auto slash = name.find('/');
  const auto workspace = slash == name.npos ? context.workspace() : name.substr(0, slash);
  const auto secret = slash == name.npos ? name : name.substr(slash + 1);
  if (context.may(auth::Action::write, workspace))  // whoever may use it there
    if (const auto row = context.services.platform.read_models().get("secret", workspace, secret); row && *row) return std::nullopt;
  return detail(400, "secret " + workspace + "/" + secret + " not found: create it first, or leave api_key_secret_name out");
}

Answer refusal_of(const Error& error) {
  return error.field == "data.project" ? detail(422, error.message) : from_error(error);
}

Answer create_provider(Context& context) {
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto name = wish["name"].get<std::string>();
  if (find_provider(context.services.documents, context.workspace(), name))
    return detail(409, "model provider " + context.workspace() + "/" + name + " already exists");
  if (auto refusal = check_secret(context, wish)) return *refusal;
  Json data = data_of(wish);
  as_created(data);
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::CreateRecord{text_or_empty(wish, "project"), {dump(data)}});
  if (!done) return refusal_of(done.error());
  return made(context.services.documents.get("provider", context.workspace(), name));
}

Answer not_there(const Context& context) { return not_found("model provider", context.workspace(), context.path["name"]); }

Answer show_provider(Context& context) {
  const auto provider = find_provider(context.services.documents, context.workspace(), context.path["name"]);
  return provider ? found(provider) : not_there(context);
}

Answer list_providers(Context& context) {
  static const PageRules page{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name", "status"}, .sort_default = "created_at"};
  static const FilterRules filter{.fields = {"status", "model_deployment_id", "description", "host_url"}};
  const auto request = parse_page(context.query, page);
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  const auto& documents = context.services.documents;
  std::vector<DocumentPointer> seen;
  if (context.workspace() != "-") {
    seen = providers_of(documents, context.workspace());
  } else {
    for (const auto list = documents.all("workspace", "system"); const auto& workspace : *list) {
      const auto name = workspace->row["name"].get<std::string>();
      if (!context.sees_workspace(name)) continue;
      const auto some = providers_of(documents, name);
      seen.insert(seen.end(), some.begin(), some.end());
    }
    std::stable_sort(seen.begin(), seen.end(),
                     [](const auto& a, const auto& b) { return text_or_empty(a->body, "created_at") < text_or_empty(b->body, "created_at"); });
  }
  return page_answer(rows_of(seen), std::get<Filter>(wanted), std::get<PageRequest>(request));
}

// Creates it, or replaces its settings. What discovery has found stays as long as the address does.
Answer put_provider(Context& context) {
  static const Schema schema = replace_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto& name = context.path["name"];
  if (!is_entity_name(name)) return detail(422, "\"" + name.substr(0, 255) + "\" is no name of a model provider: 2 to 63 characters of a-z 0-9 - @ . + _ that start with a letter");
  if (auto refusal = check_secret(context, wish)) return *refusal;
  auto& documents = context.services.documents;
  Json data = data_of(wish);
  const auto record = documents.get("provider", context.workspace(), name);
  const auto view = record ? nullptr : find_provider(documents, context.workspace(), name);
  if (view) data["model_deployment_id"] = view->body["model_deployment_id"];
  const bool stays = record && record->body["host_url"] == data["host_url"];
  if (stays) {
    for (const char* kept : {"served_models", "status", "status_message"}) data[kept] = record->body[kept];
    if (data["model_deployment_id"].is_null()) data["model_deployment_id"] = record->body["model_deployment_id"];
  } else {
    as_created(data);
  }
  Result<Done> done = Error{};
  if (record) {
    events::UpdateRecord update;
    update.project = text_or_empty(wish, "project");
    update.data = JsonText{dump(data)};
    done = context.submit(context.workspace(), "record", key_of(name), std::move(update));
  } else {
    done = context.submit(context.workspace(), "record", key_of(name), events::CreateRecord{text_or_empty(wish, "project"), {dump(data)}});
  }
  if (!done) return refusal_of(done.error());
  return show_provider(context);
}

Answer put_status(Context& context) {
  static const Schema schema = status_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  auto& documents = context.services.documents;
  const auto& name = context.path["name"];
  const auto provider = find_provider(documents, context.workspace(), name);
  if (!provider) return not_there(context);
  const auto record = documents.get("provider", context.workspace(), name);
  if (!record || is_of_deployment(documents, record->body))
    return detail(409, "model provider " + context.workspace() + "/" + name + " is of deployment " + text_or_empty(provider->body, "model_deployment_id") +
                           ", whose status it has");
  Json patch = Json::object();
  for (const auto& [member, value] : std::get<Json>(body).items())
    if (!value.is_null()) patch[member] = value;
  events::UpdateRecord update;
  update.patch = JsonText{dump(patch)};
  const auto done = context.submit(context.workspace(), "record", key_of(name), std::move(update));
  if (!done) return from_error(done.error());
  return show_provider(context);
}

Answer delete_provider(Context& context) {
  auto& documents = context.services.documents;
  const auto& name = context.path["name"];
  const auto provider = find_provider(documents, context.workspace(), name);
  if (!provider) return not_there(context);
  if (!documents.get("provider", context.workspace(), name))
    return detail(409, "model provider " + context.workspace() + "/" + name + " is of deployment " + text_or_empty(provider->body, "model_deployment_id") +
                           " and ends with it: delete the deployment");
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::DeleteRecord{});
  if (!done) return from_error(done.error());
  return no_content();
}

}  // namespace

void add_providers(Routes& routes, Services& services) {
  services.documents.declare({.name = "provider", .entity = "record", .key_prefix = key_of(""), .render = render_provider});
  services.documents.declare({.name = "deployment_provider", .entity = "deployment", .render = render_deployment_provider});
  using enum WorkspaceRule;
  const std::string all = "/apis/models/v2/workspaces/{workspace}/providers", one = all + "/{name}";
  const auto tag = "providers";
  const PageRules page{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name", "status"}, .sort_default = "created_at"};
  routes.add({.method = "POST", .path = all, .summary = "Name a place where models are served", .tag = tag, .body = create_schema(), .answer = provider_schema(),
              .success = 201, .errors = {400, 409}}, create, create_provider);
  routes.add({.method = "GET", .path = all, .summary = "List providers", .tag = tag, .answer = page_schema(provider_schema()), .query = page_fields(page), .errors = {400, 404}}, any, list_providers);
  routes.add({.method = "GET", .path = one, .summary = "Show a provider", .tag = tag, .answer = provider_schema(), .errors = {404}}, read, show_provider);
  routes.add({.method = "PUT", .path = one, .summary = "Create or replace a provider", .tag = tag, .body = replace_schema(), .answer = provider_schema(),
              .errors = {400}}, create, put_provider);
  routes.add({.method = "PUT", .path = one + "/status", .summary = "Change a provider's status or served models", .tag = tag, .body = status_schema(),
              .answer = provider_schema(), .errors = {404, 409}}, read, put_status);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a provider", .tag = tag, .success = 204, .errors = {404, 409}}, read, delete_provider);
}

}  // namespace luthier::api
