// Workspaces and their members.
#include "actors/api/answer_schema.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* base = "/apis/entities/v2/workspaces";

Json render_workspace(const Json& row) {
  return {{"id", row["id"]},
          {"name", row["name"]},
          {"description", row["description"].get<std::string>().empty() ? Json(nullptr) : row["description"]},
          {"created_at", http_time(row, "created_at")},
          {"created_by", author(row, "created_by")},
          {"updated_at", http_time(row, "updated_at")},
          {"updated_by", author(row, "updated_by")}};
}

Schema workspace_schema() {
  return object({required("id", text()), required("name", text()), optional("description", text()), required("created_at", timestamp()),
                 optional("created_by", text()), required("updated_at", timestamp()), optional("updated_by", text())})
      .named("Workspace");
}

Schema member_schema() {
  return object({required("principal", text()), required("roles", list_of(text())), optional("granted_at", timestamp()),
                 optional("granted_by", text())})
      .named("WorkspaceMember");
}

Schema create_schema() { return object({required("name", entity_name()), optional("description", description())}).named("CreateWorkspace"); }
Schema update_schema() { return object({optional("description", description())}).named("UpdateWorkspace"); }

std::vector<QueryField> propagation() { return {{optional("wait_role_propagation", boolean(), true), "accepted; roles hold at once"}}; }

std::optional<Answer> refuse_propagation(const Context& context) {
  static const auto fields = propagation();
  const auto query = read_query(context.query, fields);
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  return std::nullopt;
}

Answer create_workspace(Context& context) {
  if (auto refusal = refuse_propagation(context)) return *refusal;
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto name = wish["name"].get<std::string>();
  const auto done = context.submit("system", "workspace", name, events::CreateWorkspace{text_or_empty(wish, "description")});
  if (!done) return from_error(done.error());
  // Whoever makes a workspace is its first admin; without authentication everybody is.
  if (context.services.settings.auth_enabled && !context.caller.id.empty()) {
    const auto member = context.submit("system", "workspace", name, events::SetMember{context.caller.id, {"Admin"}});
    if (!member) return from_error(member.error());
  }
  return made(context.services.documents.get("workspace", "system", name));
}

// Workspace system is always there and has no events of its own: it is as old as the first one that has.
DocumentPointer system_workspace(const Context& context) {
  const auto first = context.services.documents.get("workspace", "system", "default");
  const Json born = first ? first->row["created_at"] : Json("1970-01-01T00:00:00.000000Z");
  const Json row = {{"id", "workspace-system"}, {"name", "system"}, {"description", "Platform-provided resources (read-only for users)"},
                   {"created_at", born}, {"created_by", ""}, {"updated_at", born}, {"updated_by", ""}, {"members", Json::array()}};
  return std::make_shared<Document>(row, render_workspace(row));
}

// The document of a workspace that this caller may see; else null.
DocumentPointer visible(const Context& context, const std::string& name) {
  if (!context.sees_workspace(name)) return nullptr;
  if (name == "system") return system_workspace(context);
  return context.services.documents.get("workspace", "system", name);
}

Answer no_workspace(const std::string& name) { return detail(404, "workspace " + name + " not found"); }

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 100, .size_max = 1000, .sorts = {"created_at", "name"}, .sort_default = "-created_at"};
  return rules;
}

Answer list_workspaces(Context& context) {
  static const FilterRules filter{.fields = {"description", "created_by", "updated_by"}};
  const auto request = parse_page(context.query, page_rules());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  std::vector<DocumentPointer> seen;
  if (context.sees_workspace("system")) seen.push_back(system_workspace(context));
  for (const auto list = context.services.documents.all("workspace", "system"); const auto& document : *list)
    if (context.sees_workspace(document->row["name"].get<std::string>())) seen.push_back(document);
  return page_answer(rows_of(seen), std::get<Filter>(wanted), std::get<PageRequest>(request));
}

Answer show_workspace(Context& context) {
  const auto document = visible(context, context.workspace());
  return document ? found(document) : no_workspace(context.workspace());
}

Answer update_workspace(Context& context) {
  static const Schema schema = update_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto done = context.submit("system", "workspace", context.workspace(),
                                   events::UpdateWorkspace{text_or_empty(std::get<Json>(body), "description")});
  if (!done) return from_error(done.error());
  return show_workspace(context);
}

Answer delete_workspace(Context& context) {
  const auto& name = context.workspace();
  const auto done = context.submit("system", "workspace", name, events::DeleteWorkspace{true});
  if (!done) return from_error(done.error());
  return ok({{"message", "Workspace marked for deletion"}, {"id", name}, {"deleted_count", 1}});
}

// ------------------------------------------------------------------------------------------------------------- members

Json shown(const Json& member) {
  return {{"principal", member["principal"]}, {"roles", member["roles"]}, {"granted_at", http_time(member, "granted_at")},
          {"granted_by", author(member, "granted_by")}};
}

std::optional<Json> member_of(const Context& context, const std::string& principal) {
  if (const auto workspace = context.services.documents.get("workspace", "system", context.workspace()))
    for (const auto& member : workspace->row["members"])
      if (member["principal"] == principal) return shown(member);
  return std::nullopt;
}

Answer list_members(Context& context) {
  Json data = Json::array();
  if (const auto workspace = context.services.documents.get("workspace", "system", context.workspace()))
    for (const auto& member : workspace->row["members"]) data.push_back(shown(member));
  return ok({{"data", std::move(data)}});
}

Answer set_member(Context& context, const std::string& principal, const Json& roles, int status) {
  const auto done = context.submit("system", "workspace", context.workspace(), events::SetMember{principal, roles.get<std::vector<std::string>>()});
  if (!done) return from_error(done.error());
  const auto member = member_of(context, principal);
  return member ? answer(status, *member) : detail(404, "member " + principal + " not found");
}

Schema roles_schema() { return list_of(one_of({"Viewer", "Editor", "Admin"})).items(1, 3); }

Schema new_member_schema() {
  return object({required("principal", text().length(1, 255)), optional("roles", roles_schema(), Json::array({"Editor"}))}).named("CreateWorkspaceMember");
}

Schema new_roles_schema() { return object({required("roles", roles_schema())}).named("UpdateWorkspaceMember"); }

Answer add_member(Context& context) {
  if (auto refusal = refuse_propagation(context)) return *refusal;
  static const Schema schema = new_member_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  return set_member(context, wish["principal"].get<std::string>(), wish["roles"], 201);
}

Answer change_member(Context& context) {
  if (auto refusal = refuse_propagation(context)) return *refusal;
  static const Schema schema = new_roles_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& principal = context.path["principal"];
  if (!member_of(context, principal)) return detail(404, "member " + principal + " not found in workspace " + context.workspace());
  return set_member(context, principal, std::get<Json>(body)["roles"], 200);
}

Answer remove_member(Context& context) {
  if (auto refusal = refuse_propagation(context)) return *refusal;
  const auto& principal = context.path["principal"];
  const auto member = member_of(context, principal);
  if (!member) return detail(404, "member " + principal + " not found in workspace " + context.workspace());
  const auto done = context.submit("system", "workspace", context.workspace(), events::RemoveMember{principal});
  if (!done) return from_error(done.error());
  return ok({{"message", "Member removed"}, {"id", principal}, {"deleted_count", (*member)["roles"].size()}});
}

}  // namespace

void add_workspaces(Routes& routes, Services& services) {
  services.documents.declare({.name = "workspace", .entity = "workspace", .render = render_workspace});
  using enum WorkspaceRule;
  const std::string one = std::string(base) + "/{workspace}", members = one + "/members";
  const auto tag = "workspaces";
  routes.add({.method = "POST", .path = base, .summary = "Create a workspace", .tag = tag, .body = create_schema(), .answer = workspace_schema(), .success = 201,
              .query = propagation(), .errors = {409}}, none, auth::Action::create_workspace, create_workspace);
  routes.add({.method = "GET", .path = base, .summary = "List workspaces", .tag = tag, .answer = page_schema(workspace_schema()),
              .query = page_fields(page_rules())}, none, list_workspaces);
  routes.add({.method = "GET", .path = one, .summary = "Show a workspace", .tag = tag, .answer = workspace_schema(), .errors = {404}}, read, show_workspace);
  routes.add({.method = "PUT", .path = one, .summary = "Describe a workspace", .tag = tag, .body = update_schema(), .answer = workspace_schema(), .errors = {404}}, read,
             auth::Action::manage_workspace, update_workspace);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a workspace with all it has", .tag = tag, .answer = deleted_schema(), .errors = {404, 409}}, read,
             auth::Action::manage_workspace, delete_workspace);
  routes.add({.method = "GET", .path = members, .summary = "List members", .tag = tag, .answer = rows_schema(member_schema()), .errors = {404}}, read, list_members);
  routes.add({.method = "POST", .path = members, .summary = "Add a member", .tag = tag, .body = new_member_schema(), .answer = member_schema(), .success = 201,
              .query = propagation(), .errors = {404, 409}}, read, auth::Action::manage_workspace, add_member);
  routes.add({.method = "PUT", .path = members + "/{principal}", .summary = "Change a member's roles", .tag = tag, .body = new_roles_schema(),
              .answer = member_schema(),
              .query = propagation(), .errors = {404, 409}}, read, auth::Action::manage_workspace, change_member);
  routes.add({.method = "DELETE", .path = members + "/{principal}", .summary = "Remove a member", .tag = tag, .answer = deleted_schema(), .query = propagation(),
              .errors = {404, 409}}, read, auth::Action::manage_workspace, remove_member);
}

}  // namespace luthier::api
