// Filesets themselves: made, shown, listed, changed, deleted.
#include "actors/api/files.hpp"
#include "actors/api/fileset_schema.hpp"
#include "actors/api/fileset_storage.hpp"
#include "actors/rest/names.hpp"
#include "events/base/sha256.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* service_source = "service_source";  // in custom_fields: the service that made it, and alone may change its files

// The member of the details, an empty object when it is absent.
Json detail_of(const Json& row, const char* member) {
  const auto* details = find_member(row, "details");
  const auto* found = details ? find_member(*details, member) : nullptr;
  return found ? *found : Json::object();
}

Json storage_of(const Json& row, const std::filesystem::path& root) {
  if (is_external(row)) return detail_of(row, "storage");
  const auto path = root / text_or_empty(row, "workspace") / text_or_empty(row, "name");
  return {{"type", "local"}, {"path", path.string()}, {"read_chunk_size", read_chunk_bytes}, {"write_buffer_size", write_buffer_bytes}};
}

Json custom_fields_of(const Json& row) {
  auto fields = detail_of(row, "custom_fields");
  if (const auto service = text_or_empty(row, "service"); !service.empty()) fields[service_source] = service;
  return fields;
}

Json render_fileset(const Json& row, const std::filesystem::path& root) {
  const auto metadata = detail_of(row, "metadata");
  const auto* details = find_member(row, "details");
  return {{"id", row["id"]},
          {"name", row["name"]},
          {"workspace", row["workspace"]},
          {"description", row["description"]},
          {"purpose", row["purpose"]},
          {"storage", storage_of(row, root)},
          {"metadata", {{"dataset", metadata.value("dataset", Json(nullptr))}, {"model", metadata.value("model", Json(nullptr))}}},
          {"custom_fields", custom_fields_of(row)},
          {"project", details ? text_or_empty(*details, "project") : ""},
          {"created_at", http_time(row, "created_at")},
          {"updated_at", http_time(row, "updated_at")}};
}

// What a service says of itself in custom_fields is taken out of them; what anybody else says there is dropped.
struct CustomFields {
  Json fields;
  std::optional<std::string> service;
};
Or<CustomFields> read_custom_fields(const Context& context, const Json& given) {
  CustomFields read{given, std::nullopt};
  const auto source = read.fields.find(service_source);
  if (source == read.fields.end()) return read;
  const Json value = *source;
  read.fields.erase(service_source);
  if (!context.caller.is_service || value.is_null()) return read;
  if (!value.is_string()) return value_error({"body", "custom_fields", service_source}, "the name of a service is needed");
  read.service = value.get<std::string>();
  return read;
}

// Of a request that says by its Idempotency-Key that it may come twice. The command that a repetition would make can be another one, since
// the store may answer otherwise by then: so the fileset keeps whose request it was.
std::string repetition_mark(const Context& context, const Json& wish) {
  const auto* key = context.exchange.request.headers.find("Idempotency-Key");
  return key ? sha256_hex(context.caller.id + "\n" + *key + "\n" + dump(wish)) : "";
}

bool is_made_by(const Document& fileset, const std::string& mark) {
  const auto import = detail_of(fileset.row, "import");
  return !mark.empty() && text_or_empty(import, "request") == mark;
}

// Storage elsewhere, once its store has been asked. A name that cannot be used anyway is refused by the command, and costs no question.
std::optional<Answer> add_storage(const Context& context, const std::string& name, Json storage, bool is_cached, Json& details) {
  const auto& settings = context.services.settings;
  if (text_or_empty(storage, "type") == "huggingface" && text_or_empty(storage, "endpoint").empty()) storage["endpoint"] = settings.hub_endpoint;
  if (auto refusal = refuse_storage(context, storage)) return refusal;
  if (settings.contacts_stores && is_entity_name(name) && !find_fileset(context, context.workspace(), name)) {
    const auto import = contact_store(context, storage, is_cached && settings.controllers);
    if (const auto* refusal = std::get_if<Answer>(&import)) return *refusal;
    details["import"] = std::get<Json>(import);
  }
  details["storage"] = std::move(storage);
  details["cache"] = is_cached;
  return std::nullopt;
}

Answer create_fileset(Context& context) {
  static const Schema schema = create_fileset_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto name = wish["name"].get<std::string>();
  Json details = Json::object();
  auto custom = read_custom_fields(context, wish["custom_fields"]);
  if (const auto* refusal = std::get_if<Answer>(&custom)) return *refusal;
  if (wish["storage"].is_object()) {
    const auto mark = repetition_mark(context, wish);
    if (const auto present = find_fileset(context, context.workspace(), name); present && is_made_by(*present, mark)) return made(present, 200);
    if (auto refusal = add_storage(context, name, wish["storage"], wish["cache"] == true, details)) return *refusal;
    if (!mark.empty() && details.contains("import")) details["import"]["request"] = mark;
  }
  const auto& [fields, service] = std::get<CustomFields>(custom);
  if (wish["metadata"].is_object()) details["metadata"] = wish["metadata"];
  if (!fields.empty()) details["custom_fields"] = fields;
  // The project is not kept here: the contract has it set by an update alone.
  const auto done = context.submit(context.workspace(), "fileset", name,
                                   events::CreateFileset{text_or_empty(wish, "description"), wish["purpose"].get<std::string>(), {},
                                                         JsonText{dump(details)}, service.value_or("")});
  if (!done) return from_error(done.error());
  return made(find_fileset(context, context.workspace(), name), 200);
}

Answer show_fileset(Context& context) {
  const auto document = find_fileset(context, context.workspace(), context.path["name"]);
  return document ? found(document) : no_fileset(context.workspace(), context.path["name"]);
}

Answer update_fileset(Context& context) {
  static const Schema schema = update_fileset_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  events::UpdateFileset update;
  Json members = Json::object();
  if (wish.contains("description")) update.description = text_or_empty(wish, "description");
  if (wish.contains("purpose") && wish["purpose"].is_string()) update.purpose = wish["purpose"].get<std::string>();
  for (const char* member : {"project", "metadata"})
    if (wish.contains(member)) members[member] = wish[member];
  if (wish.contains("custom_fields") && wish["custom_fields"].is_object()) {
    auto custom = read_custom_fields(context, wish["custom_fields"]);
    if (const auto* refusal = std::get_if<Answer>(&custom)) return *refusal;
    members["custom_fields"] = std::get<CustomFields>(custom).fields;
    update.service = std::get<CustomFields>(custom).service;
  }
  if (!members.empty()) update.members = JsonText{dump(members)};
  const auto done = context.submit(context.workspace(), "fileset", context.path["name"], std::move(update));
  if (!done) return from_error(done.error());
  return show_fileset(context);
}

Answer delete_fileset(Context& context) {
  const auto before = find_fileset(context, context.workspace(), context.path["name"]);
  if (!before) return no_fileset(context.workspace(), context.path["name"]);
  const auto done = context.submit(context.workspace(), "fileset", context.path["name"], events::DeleteFileset{});
  if (!done) return from_error(done.error());
  return found(before);
}

PageRules page_rules() {
  return {.size_default = 10, .size_max = 100, .sorts = {"created_at", "name"}, .sort_default = "-created_at", .pages_when_empty = 0, .echoes_filter = false};
}

Answer list_filesets(Context& context) {
  static const PageRules page = page_rules();
  static const FilterRules filter{.fields = {"description", "purpose", "storage_type"}, .renamed = {{"storage_type", "storage.type"}}};
  return list_page(context, "fileset", page, filter);
}

}  // namespace

void add_filesets(Routes& routes, Services& services) {
  services.documents.declare({.name = "fileset", .entity = "fileset_head", .render = [root = services.settings.filesets_root](const Json& row) {
                                return render_fileset(row, root);
                              }});
  using enum WorkspaceRule;
  const std::string all = "/apis/files/v2/workspaces/{workspace}/filesets", one = all + "/{name}";
  const auto tag = "filesets";
  routes.add({.method = "POST", .path = all, .summary = "Create a fileset", .tag = tag, .body = create_fileset_schema(), .answer = fileset_schema(),
              .errors = {400, 409, 502}}, create, create_fileset);
  routes.add({.method = "GET", .path = all, .summary = "List filesets", .tag = tag, .answer = page_schema(fileset_schema()), .query = page_fields(page_rules()), .errors = {400, 404}}, any, list_filesets);
  routes.add({.method = "GET", .path = one, .summary = "Show a fileset", .tag = tag, .answer = fileset_schema(), .errors = {404}}, read, show_fileset);
  routes.add({.method = "PATCH", .path = one, .summary = "Change what a fileset says of itself", .tag = tag, .body = update_fileset_schema(),
              .answer = fileset_schema(), .errors = {404}}, read, update_fileset);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a fileset with its files", .tag = tag, .answer = fileset_schema(), .errors = {404, 409}}, read,
             delete_fileset);
}

}  // namespace luthier::api
