// Projects: labels on other things of a workspace.
#include "actors/api/answer_schema.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;

std::string key_of(const std::string& name) { return events::RecordKey{"project", "", name}.text(); }

Json render_project(const Json& row) {
  const auto key = events::parse_record_key(row["name"].get<std::string>());
  return {{"id", row["id"]},
          {"name", key ? key->name : ""},
          {"workspace", row["workspace"]},
          {"description", row["data"].value("description", Json(nullptr))},
          {"created_at", http_time(row, "created_at")},
          {"updated_at", http_time(row, "updated_at")}};
}

Schema project_schema() {
  return object({required("id", text()), required("name", text()), required("workspace", text()), optional("description", text()),
                 required("created_at", timestamp()), required("updated_at", timestamp())})
      .named("Project");
}

Json data_of(const Json& body) { return {{"description", body["description"]}}; }

Schema create_schema() { return object({required("name", entity_name()), optional("description", description())}).named("CreateProject"); }
Schema update_schema() { return object({optional("description", description())}).named("UpdateProject"); }

Answer create_project(Context& context) {
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto name = wish["name"].get<std::string>();
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::CreateRecord{"", {dump(data_of(wish))}});
  if (!done) return from_error(done.error());
  return made(context.services.documents.get("project", context.workspace(), name));
}

Answer show_project(Context& context) {
  const auto document = context.services.documents.get("project", context.workspace(), context.path["name"]);
  return document ? found(document) : not_found("project", context.workspace(), context.path["name"]);
}

Answer update_project(Context& context) {
  static const Schema schema = update_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  events::UpdateRecord update;
  update.data = JsonText{dump(data_of(std::get<Json>(body)))};
  const auto done = context.submit(context.workspace(), "record", key_of(context.path["name"]), std::move(update));
  if (!done) return from_error(done.error());
  return show_project(context);
}

Answer delete_project(Context& context) {
  const auto& name = context.path["name"];
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::DeleteRecord{});
  if (!done) return from_error(done.error());
  return ok({{"message", "Project deleted"}, {"id", name}, {"deleted_count", 1}});
}

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "updated_at", "name"}, .sort_default = "-created_at",
                               .pages_when_empty = 0};
  return rules;
}

Answer list_projects(Context& context) {
  static const FilterRules filter{.fields = {"description"}};
  return list_page(context, "project", page_rules(), filter);
}

}  // namespace

void add_projects(Routes& routes, Services& services) {
  services.documents.declare({.name = "project", .entity = "record", .key_prefix = key_of(""), .render = render_project});
  using enum WorkspaceRule;
  const std::string all = "/apis/entities/v2/workspaces/{workspace}/projects", one = all + "/{name}";
  const auto tag = "projects";
  routes.add({.method = "POST", .path = all, .summary = "Create a project", .tag = tag, .body = create_schema(), .answer = project_schema(),
              .success = 201}, create, create_project);
  routes.add({.method = "GET", .path = all, .summary = "List projects", .tag = tag, .answer = page_schema(project_schema()),
              .query = page_fields(page_rules())}, any, list_projects);
  routes.add({.method = "GET", .path = one, .summary = "Show a project", .tag = tag, .answer = project_schema(), .errors = {404}}, read, show_project);
  routes.add({.method = "PUT", .path = one, .summary = "Describe a project", .tag = tag, .body = update_schema(), .answer = project_schema()},
             read, update_project);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a project", .tag = tag, .answer = deleted_schema(), .errors = {404}}, read, delete_project);
}

}  // namespace luthier::api
