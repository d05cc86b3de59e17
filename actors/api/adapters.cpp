// Adapters, by the model that they belong to and by their own collection.
#include "actors/api/model_documents.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/names.hpp"
#include "events/world/catalogue.hpp"
#include "events/world/world.hpp"

namespace luthier::api {
namespace {

using namespace rest;

// An adapter and its model. `reference` is how the model's stream names the adapter: by its name, or "workspace/name" when it lives in
// another workspace than the model.
struct Target {
  std::string model_workspace, model, workspace, name;
  std::string reference() const { return events::short_reference({workspace, name}, model_workspace); }
};

Schema lora_config() {
  return object({required("rank", integer().at_least(1)), optional("alpha", number())}).named("LoraConfig");
}

std::vector<rest::Field> create_fields() {
  return {required("name", entity_name()),
          required("fileset", fileset_reference()),
          required("finetuning_type", finetuning_type()),
          optional("enabled", boolean(), true),
          optional("description", description()),
          optional("lora_config", lora_config())};
}

const Schema& nested_schema() {
  static const Schema schema = object(create_fields()).named("CreateModelAdapterRequest");
  return schema;
}

const Schema& create_schema() {
  static const Schema schema = [] {
    auto fields = create_fields();
    fields.push_back(required("model", model_reference()));
    return object(std::move(fields)).named("CreateAdapterRequest");
  }();
  return schema;
}

const Schema& update_schema() {
  static const Schema schema = object({maybe("description", description().or_null()), maybe("enabled", boolean().or_null()),
                                       maybe("fileset", fileset_reference().or_null())})
                                   .named("UpdateAdapterRequest");
  return schema;
}

Answer no_adapter(const std::string& workspace, const std::string& name) { return not_found("adapter", workspace, name); }

DocumentPointer document_of(const Context& context, const Target& adapter) {
  return context.services.documents.get("adapter", adapter.workspace, adapter.name);
}

Answer refusal_of(const Context& context, const Target& adapter, const Error& error, const std::string& fileset) {
  if (error.code == ErrorCode::not_found && error.field == "name") return not_found("model", adapter.model_workspace, adapter.model);
  if (error.code == ErrorCode::not_found && error.field == "data.adapter")
    return detail(404, "adapter " + adapter.workspace + "/" + adapter.name + " not found: model " + adapter.model_workspace + "/" + adapter.model + " has no such adapter");
  return fileset_refusal(context, error, fileset);
}

// ------------------------------------------------------------------------------------------------------------- create

// What a caller says of the shape must agree with the files. Alpha 0: not said.
std::optional<events::LoraShape> shape_of(const Json& body) {
  const auto& lora = body["lora_config"];
  if (lora.is_null()) return std::nullopt;
  return events::LoraShape{lora["rank"].get<std::int64_t>(), lora["alpha"].is_null() ? 0.0 : lora["alpha"].get<double>()};
}

Answer create(Context& context, const Target& adapter, const Json& body) {
  const auto fileset = full_reference(body["fileset"].get<std::string>(), adapter.workspace);
  if (auto refusal = denied_fileset(context, fileset)) return *refusal;
  events::CreateAdapter command;
  command.adapter = adapter.reference();
  command.fileset = fileset;
  command.description = text_or_empty(body, "description");
  command.enabled = body["enabled"].get<bool>();
  command.lora = shape_of(body);
  command.finetuning_type = body["finetuning_type"].get<std::string>();
  const auto done = context.submit(adapter.model_workspace, "model", adapter.model, std::move(command));
  return done ? made(document_of(context, adapter)) : refusal_of(context, adapter, done.error(), fileset);
}

Answer create_nested(Context& context) {
  const auto body = context.body(nested_schema());
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  return create(context, {context.workspace(), context.path["model"], context.workspace(), wish["name"].get<std::string>()}, wish);
}

Answer create_adapter(Context& context) {
  const auto body = context.body(create_schema());
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  const auto [workspace, model] = parts_of(full_reference(wish["model"].get<std::string>(), context.workspace()));
  if (workspace != context.workspace() && !context.sees_workspace(workspace)) return not_found("model", workspace, model);
  return create(context, {workspace, model, context.workspace(), wish["name"].get<std::string>()}, wish);
}

// ------------------------------------------------------------------------------------------------------------- find

// The adapter of that name that lives in the path's workspace.
std::optional<Target> own_adapter(const Context& context) {
  const auto document = context.services.documents.get("adapter", context.workspace(), context.path["name"]);
  if (!document) return std::nullopt;
  const auto [workspace, model] = parts_of(text_or_empty(document->row, "model"));
  return Target{workspace, model, context.workspace(), context.path["name"]};
}

// Under a model its adapters of other workspaces may be named too. Its own come first, and are the usual case: nothing is looked up
// for them, the command finds out whether they are there.
std::vector<Target> foreign_adapters(const Context& context) {
  std::vector<Target> found;
  const auto model = context.services.documents.get("model", context.workspace(), context.path["model"]);
  if (!model) return found;
  for (const auto& adapter : model->body["adapters"])
    if (adapter["name"] == context.path["name"] && adapter["workspace"] != context.workspace())
      found.push_back({context.workspace(), context.path["model"], adapter["workspace"].get<std::string>(), context.path["name"]});
  return found;
}

bool is_missing_adapter(const Error& error) { return error.code == ErrorCode::not_found && error.field == "data.adapter"; }

// Does it to the adapter that the nested path names.
Answer on_nested(Context& context, const std::function<Result<Done>(const Target&)>& act,
                 const std::function<Answer(const Target&, const Result<Done>&)>& answer) {
  const Target own{context.workspace(), context.path["model"], context.workspace(), context.path["name"]};
  auto done = act(own);
  if (done || !is_missing_adapter(done.error())) return answer(own, done);
  const auto others = foreign_adapters(context);
  if (others.empty()) return answer(own, done);
  if (others.size() > 1) return detail(400, "adapter " + own.name + " is ambiguous: several workspaces have one; use the path of its own workspace");
  if (!context.may(auth::Action::write, others[0].workspace)) return detail(403, "you may not change adapters of workspace " + others[0].workspace);
  done = act(others[0]);
  return answer(others[0], done);
}

// ------------------------------------------------------------------------------------------------------------- change

struct Update {
  events::UpdateAdapter command;
  std::string fileset;
};

Or<Update> read_update(Context& context) {
  auto body = context.body(update_schema());
  if (auto* refusal = std::get_if<Answer>(&body)) return std::move(*refusal);
  const auto& wish = std::get<Json>(body);
  Update update;
  if (const auto* text = find_member(wish, "description"); text && text->is_string()) update.command.description = text->get<std::string>();
  if (const auto* flag = find_member(wish, "enabled"); flag && flag->is_boolean()) update.command.enabled = flag->get<bool>();
  update.fileset = full_reference(text_or_empty(wish, "fileset"), context.workspace());
  if (update.fileset.empty()) return update;
  if (auto refusal = denied_fileset(context, update.fileset)) return std::move(*refusal);
  update.command.fileset = update.fileset;
  return update;
}

Result<Done> change(const Context& context, const Target& adapter, events::UpdateAdapter command) {
  command.adapter = adapter.reference();
  return context.submit(adapter.model_workspace, "model", adapter.model, std::move(command));
}

Answer answer_change(const Context& context, const Target& adapter, const Result<Done>& done, const std::string& fileset) {
  if (!done) return refusal_of(context, adapter, done.error(), fileset);
  const auto document = document_of(context, adapter);
  return document ? found(document) : no_adapter(adapter.workspace, adapter.name);
}

Answer update_nested(Context& context) {
  const auto read = read_update(context);
  if (const auto* refusal = std::get_if<Answer>(&read)) return *refusal;
  const auto& update = std::get<Update>(read);
  return on_nested(
      context, [&](const Target& adapter) { return change(context, adapter, update.command); },
      [&](const Target& adapter, const Result<Done>& done) { return answer_change(context, adapter, done, update.fileset); });
}

Answer update_adapter(Context& context) {
  const auto read = read_update(context);
  if (const auto* refusal = std::get_if<Answer>(&read)) return *refusal;
  const auto adapter = own_adapter(context);
  if (!adapter) return no_adapter(context.workspace(), context.path["name"]);
  const auto& update = std::get<Update>(read);
  return answer_change(context, *adapter, change(context, *adapter, update.command), update.fileset);
}

Result<Done> remove(const Context& context, const Target& adapter) {
  return context.submit(adapter.model_workspace, "model", adapter.model, events::DeleteAdapter{adapter.reference()});
}

Answer answer_removal(const Context& context, const Target& adapter, const Result<Done>& done) {
  return done ? no_content() : refusal_of(context, adapter, done.error(), "");
}

Answer delete_nested(Context& context) {
  return on_nested(
      context, [&](const Target& adapter) { return remove(context, adapter); },
      [&](const Target& adapter, const Result<Done>& done) { return answer_removal(context, adapter, done); });
}

Answer delete_adapter(Context& context) {
  const auto adapter = own_adapter(context);
  return adapter ? answer_removal(context, *adapter, remove(context, *adapter)) : no_adapter(context.workspace(), context.path["name"]);
}

// An adapter's events are in its model's stream, and the model may be in another workspace.
std::optional<std::pair<std::string, std::string>> changed_adapter(const events::Fact& fact) {
  return std::visit(
      [&](const auto& event) -> std::optional<std::pair<std::string, std::string>> {
        using namespace events;
        if constexpr (is_one_of<std::decay_t<decltype(event)>, AdapterCreated, AdapterUpdated, AdapterEnabled, AdapterDisabled, AdapterDeleted>)
          return parse_reference(event.adapter, fact.workspace);
        else
          return std::nullopt;
      },
      fact.event);
}

// ------------------------------------------------------------------------------------------------------------- read

const PageRules& adapter_pages() {
  static const PageRules rules{.size_default = 100, .size_max = 1000,
                               .sorts = {"created_at", "updated_at", "name", "model", "fileset", "finetuning_type", "enabled", "description"},
                               .sort_default = "created_at", .pages_when_empty = 0};
  return rules;
}

Answer list_adapters(Context& context) {
  static const FilterRules filter{.fields = {"model", "description", "fileset", "finetuning_type", "enabled", "lora_config", "lora_config.rank", "lora_config.alpha"},
                                  .any_data = true,
                                  .renamed = {{"data.", ""}}};
  return list_page(context, "adapter", adapter_pages(), filter);
}

Answer show_adapter(Context& context) {
  const auto document = context.services.documents.get("adapter", context.workspace(), context.path["name"]);
  return document ? found(document) : no_adapter(context.workspace(), context.path["name"]);
}

}  // namespace

void add_adapters(Routes& routes, Services& services) {
  services.documents.declare({.name = "adapter", .entity = "adapter", .render = render_adapter, .row_of = changed_adapter});
  using enum WorkspaceRule;
  const std::string service = "/apis/models/v2/workspaces/{workspace}", nested = service + "/models/{model}/adapters", all = service + "/adapters";
  const std::string nested_one = nested + "/{name}", one = all + "/{name}";
  const auto tag = "adapters";
  routes.add({.method = "POST", .path = nested, .summary = "Give a model an adapter", .tag = tag, .body = nested_schema(), .answer = adapter_schema(),
              .success = 201, .errors = {400, 403, 404, 409}}, create, create_nested);
  routes.add({.method = "PATCH", .path = nested_one, .summary = "Change an adapter of a model", .tag = tag, .body = update_schema(),
              .answer = adapter_schema(), .errors = {400, 403, 404}}, read, auth::Action::write, update_nested);
  routes.add({.method = "DELETE", .path = nested_one, .summary = "Delete an adapter of a model", .tag = tag, .success = 204, .errors = {400, 403, 404}}, read,
             auth::Action::write, delete_nested);
  routes.add({.method = "POST", .path = all, .summary = "Create an adapter", .tag = tag, .body = create_schema(), .answer = adapter_schema(),
              .success = 201, .errors = {400, 403, 404, 409}}, create, create_adapter);
  routes.add({.method = "GET", .path = all, .summary = "List adapters", .tag = tag, .answer = page_schema(adapter_schema()), .query = page_fields(adapter_pages()), .errors = {400, 404}}, any,
             list_adapters);
  routes.add({.method = "GET", .path = one, .summary = "Show an adapter", .tag = tag, .answer = adapter_schema(), .errors = {404}}, read, show_adapter);
  routes.add({.method = "PATCH", .path = one, .summary = "Change an adapter", .tag = tag, .body = update_schema(), .answer = adapter_schema(),
              .errors = {400, 403, 404}}, read, auth::Action::write, update_adapter);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete an adapter", .tag = tag, .success = 204, .errors = {404}}, read, auth::Action::write,
             delete_adapter);
}

}  // namespace luthier::api
