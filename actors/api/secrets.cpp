// Secrets: values go in, and come out for whoever may use them.
#include "actors/api/secret_values.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* platform_key = "ngc-api-key";  // of workspace system, from the server's environment

Json render_secret(const Json& row) {
  return {{"name", row["name"]}, {"workspace", row["workspace"]}, {"description", row["description"]},
          {"created_at", http_time(row, "created_at")}, {"updated_at", http_time(row, "updated_at")}};
}

Schema secret_schema() {
  return object({required("name", text()), required("workspace", text()), optional("description", text()), required("created_at", timestamp()),
                 required("updated_at", timestamp())})
      .named("Secret");
}

Schema secret_name() { return text().length(1, 255).pattern(R"(^[\w\-.]+$)", "Invalid secret name \"{}\": letters, digits and - . _ are allowed"); }
Schema secret_value() { return text().length(1, 65'536).secret(); }

bool is_platform_key(const Context& context, const std::string& name) {
  return context.workspace() == "system" && name == platform_key && !context.services.settings.ngc_api_key.empty();
}

Answer protected_key(const char* verb) { return detail(403, std::string("Cannot ") + verb + " the default NGC API key secret"); }

// Since the server knows it from its environment it has no event; it is as old as the server's first workspace.
Json platform_secret(const Context& context) {
  Json born = nullptr;
  if (const auto first = context.services.documents.get("workspace", "system", "default")) born = first->body["created_at"];
  return {{"name", platform_key}, {"workspace", "system"}, {"description", "Default NGC API key secret for the platform"},
          {"created_at", born}, {"updated_at", born}};
}

Schema create_schema() {
  return object({required("name", secret_name()), optional("description", description()), required("value", secret_value())}).named("CreateSecret");
}

Schema update_schema() {
  return object({maybe("description", description().or_null()), maybe("value", secret_value().or_null())}).named("UpdateSecret");
}

Answer create_secret(Context& context) {
  static const Schema schema = create_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto name = wish["name"].get<std::string>();
  if (is_platform_key(context, name)) return protected_key("overwrite");
  events::CreateSecret create;
  if (wish["description"].is_string()) create.description = wish["description"].get<std::string>();
  create.box = context.services.secrets->box(wish["value"].get<std::string>());
  const auto done = context.submit(context.workspace(), "secret", name, std::move(create));
  if (!done) return from_error(done.error());
  return made(context.services.documents.get("secret", context.workspace(), name));
}

Answer show_secret(Context& context) {
  const auto& name = context.path["name"];
  if (is_platform_key(context, name)) return ok(platform_secret(context));
  const auto document = context.services.documents.get("secret", context.workspace(), name);
  return document ? found(document) : not_found("secret", context.workspace(), name);
}

Answer update_secret(Context& context) {
  static const Schema schema = update_schema();
  const auto& name = context.path["name"];
  if (is_platform_key(context, name)) return protected_key("update");
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  events::UpdateSecret update;
  if (const auto found = wish.find("description"); found != wish.end() && found->is_string()) update.description = found->get<std::string>();
  if (const auto found = wish.find("value"); found != wish.end() && found->is_string()) update.box = context.services.secrets->box(found->get<std::string>());
  const auto done = context.submit(context.workspace(), "secret", name, std::move(update));
  if (!done) return from_error(done.error());
  return show_secret(context);
}

Answer delete_secret(Context& context) {
  const auto& name = context.path["name"];
  if (is_platform_key(context, name)) return protected_key("delete");
  const auto done = context.submit(context.workspace(), "secret", name, events::DeleteSecret{});
  if (!done) return from_error(done.error());
  return no_content();
}

Answer access_secret(Context& context) {
  const auto& name = context.path["name"];
  const auto value = context.services.secrets->value(context.workspace(), name);
  if (!value) return value.error().code == ErrorCode::not_found ? not_found("secret", context.workspace(), name) : from_error(value.error());
  return ok({{"name", name}, {"workspace", context.workspace()}, {"value", *value}});
}

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 10, .size_max = 0, .sorts = {"created_at", "updated_at", "name"}, .sort_default = "created_at"};
  return rules;
}

Answer list_secrets(Context& context) {
  static const FilterRules filter{.fields = {"description"}};
  if (!is_platform_key(context, platform_key)) return list_page(context, "secret", page_rules(), filter);
  // The platform's own comes last, whatever the rest is sorted by.
  auto request = parse_page(context.query, page_rules());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  auto& wanted = std::get<PageRequest>(request);
  const auto documents = context.services.documents.all("secret", "system");
  auto rows = rows_of(*documents);
  const auto first = page_answer(rows, Filter(), wanted);
  auto answer = Json::parse(first.body);
  const auto total = static_cast<std::int64_t>(rows.size()) + 1;
  const auto pages = (total + wanted.size - 1) / wanted.size;
  if (wanted.page == pages) answer["data"].push_back(without_nulls(platform_secret(context)));
  answer["pagination"]["current_page_size"] = answer["data"].size();
  answer["pagination"]["total_results"] = total;
  answer["pagination"]["total_pages"] = pages;
  return ok(answer);
}

Answer rotate_keys(Context& context) {
  const auto count = context.services.secrets->rotate();
  if (!count) return from_error(count.error());
  return answer(202, {{"rotated_secrets", *count}, {"success", true}});
}

}  // namespace

void add_secrets(Routes& routes, Services& services) {
  services.documents.declare({.name = "secret", .entity = "secret", .render = render_secret});
  using enum WorkspaceRule;
  const std::string all = "/apis/secrets/v2/workspaces/{workspace}/secrets", one = all + "/{name}";
  const auto tag = "secrets";
  routes.add({.method = "POST", .path = all, .summary = "Create a secret", .tag = tag, .body = create_schema(), .answer = secret_schema(),
              .success = 201}, create, create_secret);
  routes.add({.method = "GET", .path = all, .summary = "List secrets, without their values", .tag = tag, .answer = page_schema(secret_schema()),
              .query = page_fields(page_rules())}, read, list_secrets);
  routes.add({.method = "GET", .path = one, .summary = "Show a secret, without its value", .tag = tag, .answer = secret_schema(), .errors = {404}}, read,
             show_secret);
  routes.add({.method = "PATCH", .path = one, .summary = "Change a secret", .tag = tag, .body = update_schema(), .answer = secret_schema()}, read, update_secret);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a secret and destroy its value", .tag = tag, .success = 204, .errors = {403, 404}}, read,
             delete_secret);
  routes.add({.method = "GET", .path = one + "/access", .summary = "The value of a secret", .tag = tag,
              .answer = object({required("name", text()), required("workspace", text()), required("value", text())}).named("SecretValue"),
              .errors = {403}}, read, auth::Action::read_secret, access_secret);
  routes.add({.method = "POST", .path = "/apis/secrets/v2/rotate-encryption-keys", .summary = "Encrypt all keys anew", .tag = tag,
              .answer = object({required("rotated_secrets", integer().at_least(0)), required("success", boolean())}).named("RotatedKeys"), .success = 202}, none, auth::Action::administer, rotate_keys);
}

}  // namespace luthier::api
