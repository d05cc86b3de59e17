#include "actors/api/deployment_configs.hpp"

#include <algorithm>
#include <charconv>

#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr std::size_t versions_max = 1000;
constexpr int tries_max = 20;  // of writers that meet on one config

std::string key_of(const std::string& name) { return events::RecordKey{"deployment_config", "", name}.text(); }

const Json& versions_of(const Json& row) {
  static const Json none = Json::array();
  const auto* data = find_member(row, "data");
  const auto* versions = data ? find_member(*data, "versions") : nullptr;
  return versions && versions->is_array() ? *versions : none;
}

Json member(const Json& object, const char* name, Json fallback = nullptr) {
  const auto* found = find_member(object, name);
  return found && !found->is_null() ? *found : fallback;
}

// Versions that somebody has written short are shown with all members.
Json whole_model_spec(const Json& spec) {
  Json whole = Json::object();
  for (const char* name : {"model_type", "model_namespace", "model_name", "model_revision", "chat_template", "tool_call_config"}) whole[name] = member(spec, name);
  whole["lora_enabled"] = member(spec, "lora_enabled", false);
  return whole;
}

Json whole_executor_config(const Json& config) {
  Json whole = {{"gpu", member(config, "gpu", 0)}, {"disk_size", member(config, "disk_size", "50Gi")}};
  for (const char* name : {"image_name", "image_tag", "health_check_path", "additional_envs", "additional_args", "k8s_nim_operator_config", "override_config",
                           "run_as_user", "run_as_group"})
    whole[name] = member(config, name);
  return whole;
}

std::int64_t number_of(const Json& version) {
  const auto number = member(version, "entity_version", 1);
  return number.is_number_integer() ? number.get<std::int64_t>() : 1;
}

Json shown(const Json& row, const Json& version, bool is_latest) {
  const auto key = events::parse_record_key(row["name"].get<std::string>());
  const auto id = row["id"].get<std::string>();
  const bool is_first = number_of(version) == 1;
  const auto made_at = [&](const char* of_row) { return find_member(version, "created_at") && !is_first && !is_latest ? http_time(version, "created_at") : http_time(row, of_row); };
  return {{"id", id.starts_with("model-") ? id : "model-" + id},
          {"name", key ? key->name : ""},
          {"workspace", row["workspace"]},
          {"project", text_or_empty(row, "project").empty() ? Json(nullptr) : row["project"]},
          {"description", member(version, "description")},
          {"created_at", made_at("created_at")},
          {"updated_at", is_latest ? http_time(row, "updated_at") : made_at("created_at")},
          {"entity_version", number_of(version)},
          {"engine", member(version, "engine", "nim")},
          {"model_spec", whole_model_spec(member(version, "model_spec", Json::object()))},
          {"executor_config", whole_executor_config(member(version, "executor_config", Json::object()))},
          {"model_entity_id", member(version, "model_entity_id")}};
}

Json render_config(const Json& row) {
  const auto& versions = versions_of(row);
  return versions.empty() ? shown(row, Json::object(), true) : shown(row, versions.back(), true);
}

// ------------------------------------------------------------------------------------------------------------- schemas

Schema model_spec_schema() {
  const auto tools = object({optional("tool_call_parser", text().length(0, 255)), optional("tool_call_plugin", text().length(0, 255)), optional("auto_tool_choice", boolean())});
  return object({optional("model_type", one_of({"llm", "embed", "other"})), optional("model_namespace", text().length(0, 255)),
                 optional("model_name", text().length(0, 255)), optional("model_revision", text().length(0, 255)), optional("chat_template", text()),
                 optional("tool_call_config", tools), optional("lora_enabled", boolean(), false)})
      .named("ModelDeploymentConfigModelSpec");
}

Schema executor_config_schema() {
  const auto kubernetes = object({optional("resources", object({}).extra(Extra::keep)), optional("tolerations", list_of(object({}).extra(Extra::keep))),
                                  optional("node_selector", map_of(text())), optional("startup_probe_grace_seconds", integer().above(0))});
  return object({required("gpu", integer().at_least(0)), optional("disk_size", text(), "50Gi"), optional("image_name", text()), optional("image_tag", text()),
                 optional("health_check_path", text()), optional("additional_envs", map_of(text())), optional("additional_args", list_of(text())),
                 optional("k8s_nim_operator_config", kubernetes), optional("override_config", object({}).extra(Extra::keep)),
                 optional("run_as_user", integer().at_least(0)), optional("run_as_group", integer().at_least(0))})
      .named("ContainerExecutorConfig");
}

std::vector<rest::Field> update_fields() {
  return {required("engine", one_of({"nim", "vllm", "generic"})), required("model_spec", model_spec_schema()), required("executor_config", executor_config_schema()),
          optional("model_entity_id", text().length(0, 255)), optional("description", description())};
}

Schema update_schema() { return object(update_fields()).named("UpdateModelDeploymentConfigRequest"); }

Schema create_schema() {
  auto fields = update_fields();
  fields.insert(fields.begin(), {required("name", entity_name()), optional("project", project_reference())});
  return object(std::move(fields)).named("CreateModelDeploymentConfigRequest");
}

Schema config_schema() {
  auto fields = update_fields();
  fields.insert(fields.begin(), {required("id", text()), required("name", text()), required("workspace", text()), optional("project", text())});
  fields.push_back(required("created_at", timestamp()));
  fields.push_back(required("updated_at", timestamp()));
  fields.push_back(required("entity_version", integer()));
  return object(std::move(fields)).named("ModelDeploymentConfig");
}

// --------------------------------------------------------------------------------------------------------------- rules

// What a schema cannot say, as the engines have it.
std::optional<Answer> broken_rule(const Json& wish) {
  const auto& spec = wish["model_spec"];
  const auto& executor = wish["executor_config"];
  if (const auto* tools = find_member(spec, "tool_call_config"); tools && tools->is_object() && !text_or_empty(*tools, "tool_call_plugin").empty())
    return detail(403, "model_spec.tool_call_config.tool_call_plugin: plug-ins are code, and none is run here");
  if (text_or_empty(spec, "model_name").find('@') != std::string::npos && !text_or_empty(spec, "model_revision").empty())
    return detail(400, "model_spec: give the revision either behind the @ of model_name or as model_revision");
  if (wish["engine"] != "generic") return std::nullopt;
  for (const char* name : {"image_name", "health_check_path"})
    if (text_or_empty(executor, name).empty()) return detail(400, std::string("executor_config.") + name + " is needed with engine generic");
  if (spec["lora_enabled"].get<bool>()) return detail(400, "model_spec.lora_enabled must be false with engine generic");
  return std::nullopt;
}

Json version_of(const Context& context, const Json& wish) {
  Json version = {{"created_at", format_time(context.services.platform.now())}};
  for (const char* name : {"engine", "model_spec", "executor_config", "model_entity_id", "description"}) version[name] = wish[name];
  if (!version["model_entity_id"].is_null()) return version;
  const auto name = text_or_empty(wish["model_spec"], "model_name"), space = text_or_empty(wish["model_spec"], "model_namespace");
  const auto& workspace = space.empty() ? context.workspace() : space;
  if (!is_entity_name(name) || !context.sees_workspace(workspace)) return version;
  if (const auto model = context.services.platform.read_models().get("model", workspace, name); model && *model) version["model_entity_id"] = workspace + "/" + name;
  return version;
}

DocumentPointer config_of(const Context& context) {
  return context.services.documents.get("deployment_config", context.workspace(), context.path["name"]);
}

Answer no_config(const Context& context) { return not_found("model deployment config", context.workspace(), context.path["name"]); }

Answer no_version(const Context& context) {
  return detail(404, "version " + context.path["version"] + " of model deployment config " + context.workspace() + "/" + context.path["name"] + " not found");
}

// The deployment that refers to the config, or to that version of it; empty: none does.
std::string user_of(const Context& context, std::optional<std::int64_t> version) {
  for (const auto list = context.services.documents.all("deployment", context.workspace()); const auto& deployment : *list)
    if (deployment->body["config"] == context.path["name"] && deployment->body["status"] != "DELETED" && (!version || deployment->body["config_version"] == *version))
      return deployment->body["name"].get<std::string>();
  return "";
}

Answer in_use(const Context& context, const std::string& deployment) {
  return detail(409, "model deployment config " + context.workspace() + "/" + context.path["name"] + " is used by deployment " + deployment + ": delete that first");
}

// Writes what `change` makes of the versions that there are; it is asked again when somebody else was faster.
template <class Change>
Result<Done> change_versions(const Context& context, Change change) {
  const auto& name = context.path["name"];
  Result<Done> done = Error{};
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto config = config_of(context);
    if (!config) return Error{ErrorCode::not_found, "model deployment config " + context.workspace() + "/" + name + " not found", "name"};
    Json versions = versions_of(config->row);
    if (auto changed = change(versions); !changed) return changed.error();
    events::UpdateRecord update;
    update.data = JsonText{dump({{"versions", std::move(versions)}})};
    done = context.submit(context.workspace(), "record", key_of(name), std::move(update), config->row["version"].get<Version>());
    if (done || done.error().field != "expected_version") return done;
  }
  return done;
}

// ------------------------------------------------------------------------------------------------------------ handlers

Answer create_config(Context& context) {
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  if (auto refusal = broken_rule(wish)) return *refusal;
  const auto name = wish["name"].get<std::string>();
  Json version = version_of(context, wish);
  version["entity_version"] = 1;
  const Json data = {{"versions", Json::array({std::move(version)})}};
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::CreateRecord{text_or_empty(wish, "project"), {dump(data)}});
  if (!done) return done.error().field == "data.project" ? detail(422, done.error().message) : from_error(done.error());
  return made(context.services.documents.get("deployment_config", context.workspace(), name));
}

Answer update_config(Context& context) {
  static const Schema schema = update_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  if (auto refusal = broken_rule(wish)) return *refusal;
  const Json version = version_of(context, wish);
  const auto done = change_versions(context, [&](Json& versions) -> Result<void> {
    if (versions.size() >= versions_max)
      return Error{ErrorCode::limit, "model deployment config " + context.path["name"] + " has " + std::to_string(versions.size()) + " versions, which is the most", ""};
    const std::int64_t last = versions.empty() ? 0 : number_of(versions.back());
    versions.push_back(version);
    versions.back()["entity_version"] = last + 1;
    return {};
  });
  if (!done) return done.error().code == ErrorCode::not_found ? detail(400, done.error().message) : from_error(done.error());
  return made(config_of(context));
}

Answer show_config(Context& context) {
  const auto config = config_of(context);
  return config ? found(config) : no_config(context);
}

Answer list_configs(Context& context) {
  static const PageRules page{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name"}, .sort_default = "created_at"};
  static const FilterRules filter{.fields = {"model_entity_id", "description", "engine"}};
  return list_page(context, "deployment_config", page, filter);
}

Answer delete_config(Context& context) {
  if (!config_of(context)) return no_config(context);
  if (const auto user = user_of(context, {}); !user.empty()) return in_use(context, user);
  const auto done = context.submit(context.workspace(), "record", key_of(context.path["name"]), events::DeleteRecord{});
  if (!done) return from_error(done.error());
  return no_content();
}

Answer list_versions(Context& context) {
  const auto config = config_of(context);
  if (!config) return no_config(context);
  const auto& versions = versions_of(config->row);
  Json all = Json::array();
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) all.push_back(shown(config->row, *version, version == versions.rbegin()));
  return ok(all);
}

Answer bad_version(const Context& context) { return detail(400, "version: a positive integer is needed, not \"" + context.path["version"].substr(0, 100) + "\""); }

Answer show_version(Context& context) {
  const auto version = parse_version(context.path["version"]);
  if (!version) return bad_version(context);
  const auto config = config_of(context);
  if (!config) return no_config(context);
  const auto one = config_version(config->row, *version);
  return one ? ok(*one) : no_version(context);
}

Answer delete_version(Context& context) {
  const auto version = parse_version(context.path["version"]);
  if (!version) return bad_version(context);
  const auto config = config_of(context);
  if (!config) return no_config(context);
  if (!config_version(config->row, *version)) return no_version(context);
  if (const auto user = user_of(context, *version); !user.empty()) return in_use(context, user);
  if (versions_of(config->row).size() == 1) return delete_config(context);
  const auto done = change_versions(context, [&](Json& versions) -> Result<void> {
    Json left = Json::array();
    for (auto& one : versions)
      if (number_of(one) != *version) left.push_back(std::move(one));
    versions = std::move(left);
    return {};
  });
  if (!done) return from_error(done.error());
  return no_content();
}

}  // namespace

std::optional<Json> config_version(const Json& row, std::int64_t version) {
  const auto& versions = versions_of(row);
  for (const auto& one : versions)
    if (number_of(one) == version) return shown(row, one, &one == &versions.back());
  return std::nullopt;
}

std::int64_t latest_config_version(const Json& row) { return versions_of(row).empty() ? 1 : number_of(versions_of(row).back()); }

std::optional<std::int64_t> parse_version(const std::string& text) {
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 1) return std::nullopt;
  return version;
}

std::string model_of_config(const Json& config) {
  const auto entity = text_or_empty(config, "model_entity_id");
  if (!entity.empty()) return entity.find('/') == std::string::npos ? text_or_empty(config, "workspace") + "/" + entity : entity;
  const auto& spec = config["model_spec"];
  auto name = text_or_empty(spec, "model_name");
  name = name.substr(0, name.find('@'));
  if (name.empty() || name.find('/') != std::string::npos) return name;
  const auto space = text_or_empty(spec, "model_namespace");
  return (space.empty() ? text_or_empty(config, "workspace") : space) + "/" + name;
}

void add_deployment_configs(Routes& routes, Services& services) {
  services.documents.declare({.name = "deployment_config", .entity = "record", .key_prefix = key_of(""), .render = render_config});
  using enum WorkspaceRule;
  const std::string all = "/apis/models/v2/workspaces/{workspace}/deployment-configs", one = all + "/{name}", versions = one + "/versions",
                    version = versions + "/{version}";
  const auto tag = "deployment configs";
  const PageRules page{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name"}, .sort_default = "created_at"};
  routes.add({.method = "POST", .path = all, .summary = "Create a deployment config", .tag = tag, .body = create_schema(), .answer = config_schema(), .success = 201,
              .errors = {400, 403, 409}}, create, create_config);
  routes.add({.method = "GET", .path = all, .summary = "List deployment configs", .tag = tag, .answer = page_schema(config_schema()), .query = page_fields(page), .errors = {400, 404}}, any, list_configs);
  routes.add({.method = "GET", .path = one, .summary = "Show a deployment config", .tag = tag, .answer = config_schema(), .errors = {404}}, read, show_config);
  routes.add({.method = "POST", .path = one, .summary = "Add a version to a deployment config", .tag = tag, .body = update_schema(), .answer = config_schema(),
              .success = 201, .errors = {400, 403}}, read, update_config);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a deployment config with all its versions", .tag = tag, .success = 204, .errors = {404, 409}}, read, delete_config);
  routes.add({.method = "GET", .path = versions, .summary = "List the versions of a deployment config", .tag = tag, .answer = list_of(config_schema()), .errors = {404}}, read,
             list_versions);
  routes.add({.method = "GET", .path = version, .summary = "Show a version of a deployment config", .tag = tag, .answer = config_schema(), .errors = {400, 404}}, read,
             show_version);
  routes.add({.method = "DELETE", .path = version, .summary = "Delete a version of a deployment config", .tag = tag, .success = 204, .errors = {400, 404, 409}}, read, delete_version);
}

}  // namespace luthier::api
