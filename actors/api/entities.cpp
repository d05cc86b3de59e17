// Generic entities: documents of types that clients define themselves, in trees by `parent`.
#include <algorithm>

#include "actors/api/answer_schema.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* prefix = "entity.";

struct Key {
  std::string type, parent, name;
};

Key key_in(const Json& row) {
  const auto key = events::parse_record_key(row["name"].get<std::string>());
  if (!key) return {};
  return {key->kind.substr(std::string_view(prefix).size()), key->parent, key->name};
}

std::string record_of(const std::string& type, const std::string& parent, const std::string& name) {
  return events::RecordKey{prefix + type, parent, name}.text();
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json render_entity(const Json& row) {
  const auto key = key_in(row);
  return {{"entity_type", key.type},
          {"id", row["id"]},
          {"workspace", row["workspace"]},
          {"parent", or_null(key.parent)},
          {"project", or_null(row["project"].get<std::string>())},
          {"name", key.name},
          {"data", row["data"]},
          {"created_at", http_time(row, "created_at")},
          {"created_by", author(row, "created_by")},
          {"updated_at", http_time(row, "updated_at")},
          {"updated_by", author(row, "updated_by")},
          {"db_version", row["version"]}};
}

Schema entity_schema() {
  return object({required("entity_type", text()), required("id", text()), required("workspace", text()), optional("parent", text()),
                 optional("project", text()), required("name", text()), required("data", map_of(any())), required("created_at", timestamp()),
                 optional("created_by", text()), required("updated_at", timestamp()), optional("updated_by", text()),
                 required("db_version", integer())})
      .named("Entity");
}

bool is_type(const std::string& text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), allowed);
}

std::optional<Answer> bad_type(const Context& context) {
  if (is_type(context.path["entity_type"])) return std::nullopt;
  return detail(422, "entity type: 1 to 63 letters, digits and - . _ are needed");
}

std::string parent_of(const Context& context) {
  const auto* parent = context.query.find("parent");
  return parent ? *parent : "";
}

DocumentPointer find_entity(const Context& context, const std::string& name) {
  return context.services.documents.get("entity", context.workspace(), context.path["entity_type"] + ":" + parent_of(context) + ":" + name);
}

Answer no_entity(const Context& context) { return not_found(context.path["entity_type"], context.workspace(), context.path["name"]); }

// Refusals of the domain in the words of this route: what a command names and is not there is 422.
Answer refused(const Error& error) { return from_error(error); }

std::string made_up_name(const Context& context) {
  std::uint64_t random = 0;
  for (const unsigned char byte : context.services.platform.random_bytes(8)) random = random << 8 | byte;
  return generated_name(context.path["entity_type"], random);
}

Schema create_schema() {
  return object({optional("name", text().length(0, 255)), optional("parent", text().length(1, 127)), optional("project", project_reference()),
                 required("data", map_of(any()))})
      .named("CreateEntity");
}

Schema update_schema() {
  return object({optional("new_name", text().length(0, 255)), maybe("project", project_reference().or_null()), required("data", map_of(any())),
                 optional("expected_db_version", integer())})
      .named("UpdateEntity");
}

Answer create_entity(Context& context) {
  static const Schema schema = create_schema();
  if (auto bad = bad_type(context)) return *bad;
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  auto name = text_or_empty(wish, "name");
  if (name.empty()) name = made_up_name(context);
  if (!is_entity_name(name)) return detail(422, "name \"" + name.substr(0, 100) + "\": should match pattern " + std::string(entity_name_pattern));
  const auto parent = text_or_empty(wish, "parent");
  const auto done = context.submit(context.workspace(), "record", record_of(context.path["entity_type"], parent, name),
                                   events::CreateRecord{text_or_empty(wish, "project"), {dump(wish["data"])}});
  if (!done) return refused(done.error());
  return made(context.services.documents.get("entity", context.workspace(), context.path["entity_type"] + ":" + parent + ":" + name));
}

Answer show_entity(Context& context) {
  const auto document = find_entity(context, context.path["name"]);
  return document ? found(document) : no_entity(context);
}

Answer update_entity(Context& context) {
  static const Schema schema = update_schema();
  if (auto bad = bad_type(context)) return *bad;
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  events::UpdateRecord update;
  update.data = JsonText{dump(wish["data"])};
  if (const auto project = text_or_empty(wish, "project"); !project.empty()) update.project = project;
  auto name = context.path["name"];
  const auto new_name = text_or_empty(wish, "new_name");
  if (!new_name.empty() && !is_entity_name(new_name))
    return detail(422, "new_name \"" + new_name.substr(0, 100) + "\": should match pattern " + std::string(entity_name_pattern));
  if (!new_name.empty() && new_name != name) update.rename = new_name;
  std::optional<Version> expected;
  if (wish["expected_db_version"].is_number_integer()) expected = wish["expected_db_version"].get<Version>();
  const auto done = context.submit(context.workspace(), "record", record_of(context.path["entity_type"], parent_of(context), name), std::move(update), expected);
  if (!done) return refused(done.error());
  const auto document = find_entity(context, new_name.empty() ? name : new_name);
  return document ? found(document) : no_entity(context);
}

Answer delete_entity(Context& context) {
  const auto& type = context.path["entity_type"];
  const auto& name = context.path["name"];
  const auto done = context.submit(context.workspace(), "record", record_of(type, parent_of(context), name), events::DeleteRecord{});
  if (!done) return refused(done.error());
  return ok({{"message", "Entity deleted"}, {"id", context.workspace() + "/" + type + "/" + name}, {"deleted_count", 1}});
}

// Children of an entity, in any workspace: "adapters" of a model are the entities of type adapter below it.
class Children final : public Relation {
 public:
  explicit Children(const std::vector<DocumentPointer>& adapters) {
    for (const auto& adapter : adapters) by_parent_.emplace(text_or_empty(adapter->body, "parent"), &adapter->body["data"]);
  }
  bool any(std::string_view, const Json& body, const std::function<bool(const Json&)>& fits) const override {
    const auto [first, last] = by_parent_.equal_range(text_or_empty(body, "id"));
    return std::any_of(first, last, [&](const auto& child) { return fits(*child.second); });
  }

 private:
  std::multimap<std::string, const Json*> by_parent_;
};

bool is_of(const DocumentPointer& document, const std::string& type) { return document->body["entity_type"] == type; }

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 100, .size_max = 1000, .sorts = {}, .sort_default = "-created_at"};
  return rules;
}

Answer list_entities(Context& context) {
  if (auto bad = bad_type(context)) return *bad;
  const auto& type = context.path["entity_type"];
  FilterRules rules{.fields = {"parent", "created_by", "updated_by", "db_version"}, .any_data = true};
  if (type == "model") rules.relations = {"adapters"};
  const auto request = parse_page(context.query, page_rules());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, rules);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  const auto sees = [&](const std::string& name) { return context.sees_workspace(name); };
  std::vector<DocumentPointer> documents;
  if (context.workspace() == "-") documents = context.services.documents.everywhere("entity", sees);
  else documents = *context.services.documents.all("entity", context.workspace());
  std::vector<DocumentPointer> adapters;
  if (type == "model" && context.query.with_prefix("filter").size() > 0)
    for (const auto& document : context.services.documents.everywhere("entity", sees))
      if (is_of(document, "adapter")) adapters.push_back(document);
  std::erase_if(documents, [&](const auto& document) { return !is_of(document, type); });
  const Children children(adapters);
  return page_answer(rows_of(documents), std::get<Filter>(wanted), std::get<PageRequest>(request), &children);
}

Answer show_by_id(Context& context) {
  const auto& id = context.path["id"];
  const auto documents = context.services.documents.everywhere("entity", [&](const std::string& name) { return context.sees_workspace(name); });
  for (const auto& document : documents)
    if (document->body["id"] == id) return found(document);
  return detail(404, "entity " + id + " not found");
}

}  // namespace

void add_entities(Routes& routes, Services& services) {
  services.documents.declare({.name = "entity", .entity = "record", .key_prefix = prefix, .render = render_entity});
  using enum WorkspaceRule;
  const std::string all = "/apis/entities/v2/workspaces/{workspace}/entities/{entity_type}", one = all + "/{name}";
  const auto tag = "entities";
  const std::vector<QueryField> parent{{optional("parent", text()), "the id of the entity above it"}};
  routes.add({.method = "POST", .path = all, .summary = "Create an entity", .tag = tag, .body = create_schema(), .answer = entity_schema(),
              .success = 201}, create, create_entity);
  routes.add({.method = "GET", .path = all, .summary = "List entities of a type", .tag = tag, .answer = page_schema(entity_schema()),
              .query = page_fields(page_rules())}, any, list_entities);
  routes.add({.method = "GET", .path = one, .summary = "Show an entity", .tag = tag, .answer = entity_schema(), .query = parent, .errors = {404}}, read,
             show_entity);
  routes.add({.method = "PUT", .path = one, .summary = "Replace an entity's data", .tag = tag, .body = update_schema(), .answer = entity_schema(),
              .query = parent}, read, update_entity);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete an entity and those below it", .tag = tag, .answer = deleted_schema(), .query = parent, .errors = {404}}, read,
             delete_entity);
  routes.add({.method = "GET", .path = "/apis/entities/v2/entities/{id}", .summary = "Show an entity by its id", .tag = tag, .answer = entity_schema(),
              .errors = {404}}, none, show_by_id);
}

}  // namespace luthier::api
