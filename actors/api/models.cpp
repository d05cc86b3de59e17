// Model entities: what a checkpoint is, where its files are, and which adapters it has.
#include "actors/api/model_documents.hpp"
#include "actors/api/model_list.hpp"
#include "actors/api/model_spec.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "events/world/catalogue.hpp"

namespace luthier::api {
namespace {

using namespace rest;

// Members of a request that are kept with the model as they are, each as a whole.
constexpr const char* kept_members[] = {"project", "spec", "finetuning_type", "base_model", "api_endpoint", "backend_format", "prompt",
                                        "custom_fields", "ownership", "model_providers", "trust_remote_code"};

Schema backend_format() { return one_of({"OPENAI_CHAT", "ANTHROPIC_MESSAGES"}); }

// A key in an event would be there for ever, for everyone who may read the model.
Schema api_endpoint() {
  const auto key = text().secret().check([](const Json& value) -> std::optional<std::string> {
    if (value.get_ref<const std::string&>().empty()) return std::nullopt;
    return "an API key is not kept with a model; put it into a secret and name that as api_key_secret_name of a provider";
  });
  return object({optional("url", text().length(1, 2048)), optional("model_id", text().length(0, 255)), maybe("api_key", key.or_null()),
                 optional("format", text().length(0, 255))})
      .named("APIEndpointData");
}

std::vector<rest::Field> common_fields() {
  return {maybe("description", description().or_null()),
          maybe("spec", given_spec_schema().or_null()),
          maybe("finetuning_type", finetuning_type().or_null()),
          maybe("fileset", fileset_reference().or_null()),
          maybe("base_model", text().length(0, 255).or_null()),
          maybe("api_endpoint", api_endpoint().or_null()),
          maybe("backend_format", backend_format().or_null()),
          maybe("prompt", prompt_data().or_null()),
          maybe("custom_fields", map_of(any()).or_null()),
          maybe("ownership", map_of(any()).or_null()),
          maybe("model_providers", list_of(text().length(1, 255)).items(0, 1000).or_null()),
          maybe("trust_remote_code", boolean().or_null())};
}

const Schema& create_schema() {
  static const Schema schema = [] {
    std::vector<rest::Field> fields{required("name", entity_name()), maybe("project", project_reference().or_null())};
    for (auto& field : common_fields()) fields.push_back(std::move(field));
    return object(std::move(fields)).named("CreateModelEntityRequest");
  }();
  return schema;
}

const Schema& update_schema() {
  static const Schema schema = object(common_fields()).named("UpdateModelEntityRequest");
  return schema;
}

// As an answer has it: the key is null or empty there, because none is kept.
Schema shown_api_endpoint() {
  return object({optional("url", text()), optional("model_id", text()), maybe("api_key", text().length(0, 0).or_null()), optional("format", text())})
      .named("APIEndpoint");
}

Schema model_schema() {
  const auto text_or_null = [](const char* name) { return optional(name, text()); };
  return object({required("id", text()), required("name", text()), required("workspace", text()), text_or_null("project"), text_or_null("description"),
                 optional("spec", given_spec_schema()), optional("finetuning_type", finetuning_type()), text_or_null("fileset"), text_or_null("base_model"),
                 optional("api_endpoint", shown_api_endpoint()), optional("backend_format", backend_format()), optional("prompt", prompt_data()),
                 required("custom_fields", map_of(any())), optional("ownership", map_of(any())), required("model_providers", list_of(text())),
                 required("trust_remote_code", boolean()), required("adapters", list_of(adapter_schema())), required("created_at", timestamp()),
                 required("updated_at", timestamp()), maybe("spec_error", text())})
      .named("ModelEntity");
}

std::vector<QueryField> verbose_field() { return {{optional("verbose", boolean(), false), "with the spec's linear_layers"}}; }

// What the request may not ask for here; nothing: go on.
std::optional<Answer> forbidden(const Json& body) {
  if (const auto* trust = find_member(body, "trust_remote_code"); trust && *trust == true)
    return detail(403, "trust_remote_code: code that comes with a checkpoint is never run here, and no repository is trusted to bring any; leave it out");
  const auto* spec = find_member(body, "spec");
  const auto* calls = spec ? find_member(*spec, "tool_call_config") : nullptr;
  if (calls && !text_or_empty(*calls, "tool_call_plugin").empty())
    return detail(403, "spec.tool_call_config.tool_call_plugin: plug-ins are not run here; name a tool_call_parser that the server has");
  return std::nullopt;
}

std::optional<Answer> missing_project(const Context& context, const Json& body) {
  const auto project = text_or_empty(body, "project");
  if (project.empty()) return std::nullopt;
  const auto [workspace, name] = parts_of(full_reference(project, context.workspace()));
  if (context.services.documents.get("project", workspace, name)) return std::nullopt;
  return detail(422, "project " + project + " does not exist in workspace " + workspace);
}

// The kept members that were given; null is the same as absent.
Json kept_of(const Json& body) {
  Json kept = Json::object();
  for (const auto* name : kept_members)
    if (const auto* value = find_member(body, name); value && !value->is_null()) append_member(kept, name, *value);
  return kept;
}

std::optional<Verbosity> take_verbosity(const Context& context, Answer& refusal) {
  if (!context.query.find("verbose")) return Verbosity::usual;
  const auto query = read_query(context.query, verbose_field());
  if (const auto* bad = std::get_if<Answer>(&query)) {
    refusal = *bad;
    return std::nullopt;
  }
  return std::get<Json>(query)["verbose"] == true ? Verbosity::verbose : Verbosity::usual;
}

Answer no_model(const Context& context) { return not_found("model", context.workspace(), context.path["name"]); }

Answer answer_model(const DocumentPointer& document, Verbosity verbosity) {
  return verbosity == Verbosity::verbose ? ok(render_model(document->row, verbosity)) : found(document);
}

// A deployment that becomes ready, or is it no longer, changes the model_providers of its model; so do providers elsewhere.
bool changes_providers(const events::Fact& fact) {
  if (fact.stream.entity == "record") return fact.name.starts_with("provider:");
  return std::visit(
      [](const auto& event) {
        using namespace events;
        return is_one_of<std::decay_t<decltype(event)>, DeploymentReady, DeploymentStatusSet, DeploymentRevised, DeploymentAttemptEnded, DeploymentFailed,
                         DeploymentDeleteRequested, DeploymentDeleted>;
      },
      fact.event);
}

Answer create_model(Context& context) {
  const auto body = context.body(create_schema());
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  if (auto refusal = forbidden(wish)) return *refusal;
  if (auto refusal = missing_project(context, wish)) return *refusal;
  const auto fileset = full_reference(text_or_empty(wish, "fileset"), context.workspace());
  if (auto refusal = denied_fileset(context, fileset)) return *refusal;
  const auto name = wish["name"].get<std::string>();
  const auto done = context.submit(context.workspace(), "model", name,
                                   events::CreateModel{fileset, text_or_empty(wish, "description"), "", {dump(kept_of(wish))}});
  if (!done) return fileset_refusal(context, done.error(), fileset);
  return made(context.services.documents.get("model", context.workspace(), name));
}

Answer show_model(Context& context) {
  Answer refusal;
  const auto verbosity = take_verbosity(context, refusal);
  if (!verbosity) return refusal;
  const auto document = context.services.documents.get("model", context.workspace(), context.path["name"]);
  return document ? answer_model(document, *verbosity) : no_model(context);
}

Answer update_model(Context& context) {
  Answer refusal;
  const auto verbosity = take_verbosity(context, refusal);
  if (!verbosity) return refusal;
  const auto body = context.body(update_schema());
  if (const auto* bad = std::get_if<Answer>(&body)) return *bad;
  const auto& wish = std::get<Json>(body);
  if (auto denied = forbidden(wish)) return *denied;
  const auto fileset = full_reference(text_or_empty(wish, "fileset"), context.workspace());
  if (auto denied = denied_fileset(context, fileset)) return *denied;

  events::UpdateModel update;
  if (!fileset.empty()) update.fileset = fileset;
  if (const auto* text = find_member(wish, "description"); text && text->is_string()) update.description = text->get<std::string>();
  Json kept = kept_of(wish);
  if (const auto* format = find_member(wish, "backend_format"); format && format->is_null()) append_member(kept, "backend_format", nullptr);
  if (!kept.empty()) update.replace = JsonText{dump(kept)};
  const auto done = context.submit(context.workspace(), "model", context.path["name"], std::move(update));
  if (!done) return fileset_refusal(context, done.error(), fileset);
  const auto document = context.services.documents.get("model", context.workspace(), context.path["name"]);
  return document ? answer_model(document, *verbosity) : no_model(context);
}

Answer delete_model(Context& context) {
  const auto done = context.submit(context.workspace(), "model", context.path["name"], events::DeleteModel{});
  return done ? no_content() : from_error(done.error());
}

}  // namespace

void add_models(Routes& routes, Services& services) {
  const auto kind = [&](const char* name, Verbosity verbosity) {
    services.documents.declare({.name = name, .entity = "model", .render = [verbosity](const Json& row) { return render_model(row, verbosity); },
                                .also_after = {"deployment", "record"}, .only_after = changes_providers});
  };
  kind("model", Verbosity::usual);
  kind("verbose_model", Verbosity::verbose);
  declare_lora_settings(services.documents);

  using enum WorkspaceRule;
  const std::string all = "/apis/models/v2/workspaces/{workspace}/models", one = all + "/{name}";
  const auto tag = "models";
  auto list_query = verbose_field();
  for (auto& field : page_fields(model_pages())) list_query.push_back(std::move(field));
  routes.add({.method = "POST", .path = all, .summary = "Create a model", .tag = tag, .body = create_schema(), .answer = model_schema(), .success = 201,
              .errors = {400, 403, 409}}, create, create_model);
  routes.add({.method = "GET", .path = all, .summary = "List models", .tag = tag, .answer = page_schema(model_schema()), .query = std::move(list_query)}, any, list_models);
  routes.add({.method = "GET", .path = one, .summary = "Show a model", .tag = tag, .answer = model_schema(), .query = verbose_field(), .errors = {404}},
             read, show_model);
  routes.add({.method = "PATCH", .path = one, .summary = "Change a model", .tag = tag, .body = update_schema(), .answer = model_schema(),
              .query = verbose_field(), .errors = {400, 403, 404, 409}}, read, auth::Action::write, update_model);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a model with its adapters", .tag = tag, .success = 204, .errors = {404, 409}}, read,
             auth::Action::write, delete_model);
}

}  // namespace luthier::api
