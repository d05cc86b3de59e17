// Prompts: messages with variables in them, kept under a name.
#include "actors/api/model_documents.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr const char* content_members[] = {"description", "messages", "input_variables", "tools", "tool_choice", "response_format", "inference_params", "tags"};

std::string key_of(const std::string& name) { return events::RecordKey{"prompt", "", name}.text(); }

std::vector<rest::Field> content_fields() {
  const auto message = object({required("role", text().length(1, 64)), required("content", text())}).extra(Extra::keep).named("PromptMessage");
  const auto tool = object({required("type", literal("function")), required("function", map_of(any()))}).named("PromptTool");
  return {optional("project", project_reference()),
          optional("description", description()),
          optional("messages", list_of(message).items(0, 1000), Json::array()),
          optional("input_variables", list_of(text().length(1, 255)).items(0, 1000), Json::array()),
          optional("tools", list_of(tool).items(0, 1000), Json::array()),
          optional("tool_choice", any_of({text(), map_of(any())})),
          optional("response_format", map_of(any())),
          optional("inference_params", inference_params()),
          optional("tags", list_of(text().length(1, 255)).items(0, 1000), Json::array())};
}

const Schema& create_schema() {
  static const Schema schema = [] {
    auto fields = content_fields();
    fields.insert(fields.begin(), required("name", entity_name()));
    return object(std::move(fields)).named("CreatePromptRequest");
  }();
  return schema;
}

const Schema& replace_schema() {
  static const Schema schema = object(content_fields()).named("UpdatePromptRequest");
  return schema;
}

Schema prompt_schema() {
  auto fields = content_fields();
  fields.insert(fields.begin(), {required("id", text()), required("name", text()), required("workspace", text())});
  fields.insert(fields.end(), {required("created_at", timestamp()), required("updated_at", timestamp())});
  return object(std::move(fields)).named("Prompt");
}

Json render_prompt(const Json& row) {
  const auto key = events::parse_record_key(row["name"].get<std::string>());
  const auto project = text_or_empty(row, "project");
  Json prompt = {{"id", row["id"]}, {"name", key ? key->name : ""}, {"workspace", row["workspace"]}, {"project", project.empty() ? Json() : Json(project)}};
  for (const auto* name : content_members) {
    const auto* value = find_member(row["data"], name);
    append_member(prompt, name, value ? *value : Json());
  }
  append_member(prompt, "created_at", http_time(row, "created_at"));
  append_member(prompt, "updated_at", http_time(row, "updated_at"));
  return prompt;
}

JsonText data_of(const Json& body) {
  Json data = Json::object();
  for (const auto* name : content_members) append_member(data, name, body[name]);
  return {dump(data)};
}

Answer create_prompt(Context& context) {
  const auto body = context.body(create_schema());
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto name = wish["name"].get<std::string>();
  const auto done = context.submit(context.workspace(), "record", key_of(name), events::CreateRecord{text_or_empty(wish, "project"), data_of(wish)});
  if (!done) return from_error(done.error());
  return made(context.services.documents.get("prompt", context.workspace(), name));
}

Answer show_prompt(Context& context) {
  const auto document = context.services.documents.get("prompt", context.workspace(), context.path["name"]);
  return document ? found(document) : not_found("prompt", context.workspace(), context.path["name"]);
}

Answer replace_prompt(Context& context) {
  const auto body = context.body(replace_schema());
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  events::UpdateRecord update;
  update.project = text_or_empty(wish, "project");
  update.data = data_of(wish);
  const auto done = context.submit(context.workspace(), "record", key_of(context.path["name"]), std::move(update));
  return done ? show_prompt(context) : from_error(done.error());
}

Answer delete_prompt(Context& context) {
  const auto done = context.submit(context.workspace(), "record", key_of(context.path["name"]), events::DeleteRecord{});
  return done ? no_content() : from_error(done.error());
}

const PageRules& prompt_pages() {
  static const PageRules rules{.size_default = 100, .size_max = 1000, .sorts = {"name", "created_at", "updated_at"}, .sort_default = "created_at",
                               .pages_when_empty = 0};
  return rules;
}

Answer list_prompts(Context& context) {
  static const FilterRules filter{.fields = {"description", "tags"}};
  return list_page(context, "prompt", prompt_pages(), filter);
}

}  // namespace

void add_prompts(Routes& routes, Services& services) {
  services.documents.declare({.name = "prompt", .entity = "record", .key_prefix = key_of(""), .render = render_prompt});
  using enum WorkspaceRule;
  const std::string all = "/apis/models/v2/workspaces/{workspace}/prompts", one = all + "/{name}";
  const auto tag = "prompts";
  routes.add({.method = "POST", .path = all, .summary = "Create a prompt", .tag = tag, .body = create_schema(), .answer = prompt_schema(), .success = 201,
              .errors = {409}}, create, create_prompt);
  routes.add({.method = "GET", .path = all, .summary = "List prompts", .tag = tag, .answer = page_schema(prompt_schema()), .query = page_fields(prompt_pages()), .errors = {400, 404}}, any, list_prompts);
  routes.add({.method = "GET", .path = one, .summary = "Show a prompt", .tag = tag, .answer = prompt_schema(), .errors = {404}}, read, show_prompt);
  routes.add({.method = "PUT", .path = one, .summary = "Replace a prompt", .tag = tag, .body = replace_schema(), .answer = prompt_schema(), .errors = {404}}, read,
             replace_prompt);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a prompt", .tag = tag, .success = 204, .errors = {404}}, read, delete_prompt);
}

}  // namespace luthier::api
