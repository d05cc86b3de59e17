// Fine-tuning jobs, in the three generations of the contract: one table of routes under three prefixes.
#include <chrono>
#include <filesystem>
#include <thread>

#include "actors/api/answer_schema.hpp"
#include "actors/api/customization_deploy.hpp"
#include "actors/api/customization_lookup.hpp"
#include "actors/api/customization_names.hpp"
#include "actors/api/customization_rules.hpp"
#include "actors/api/job_status.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/query_fields.hpp"
#include "events/record/key.hpp"

namespace luthier::api {
namespace {

using namespace rest;
using namespace std::chrono_literals;

constexpr const char* kind = "customization_job";
constexpr const char* root = "/apis/customization";
constexpr auto stop_wait_max = 20s;  // of a DELETE of a job that runs

const Json& details_of(const Json& row) {
  static const Json none = Json::object();
  const auto* details = find_member(row, "details");
  return details && details->is_object() ? *details : none;
}

bool is_ours(const Document& document) { return text_or_empty(details_of(document.row), "source") == "customization"; }

Json member_or_null(const Json& object, const char* name) {
  const auto* member = find_member(object, name);
  return member ? *member : Json(nullptr);
}

Json render_job(const Json& row) {
  const auto& details = details_of(row);
  const auto status = job_status(row, nullptr);
  return {{"id", status["id"]},
          {"name", row["name"]},
          {"description", text_or_empty(row, "description").empty() ? Json(nullptr) : row["description"]},
          {"project", nullptr},
          {"workspace", row["workspace"]},
          {"created_at", status["created_at"]},
          {"updated_at", status["updated_at"]},
          {"spec", member_or_null(details, "spec")},
          {"status", status["status"]},
          {"status_details", status["status_details"]},
          {"error_details", status["error_details"]},
          {"ownership", member_or_null(details, "ownership")},
          {"custom_fields", member_or_null(details, "custom_fields")}};
}

std::string random_hex(Context& context, std::size_t bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : context.services.platform.random_bytes(bytes)) (hex += digits[byte >> 4]) += digits[byte & 15];
  return hex;
}

// -------------------------------------------------------------------------------------------------------------------- create

// The refusal of a base model that would not leave enough of the disk; nothing: there is room, or its size is not known yet.
std::optional<Answer> missing_room(const Context& context, const ModelFound& model, const Compiled& compiled) {
  std::error_code failure;
  const auto& directory = context.services.settings.filesets_root;
  if (directory.empty() || model.bytes == 0) return std::nullopt;
  const auto space = std::filesystem::space(directory, failure);
  if (failure) return std::nullopt;
  const auto missing = missing_space(model.bytes, !compiled.is_adapter, space.available);
  return missing.empty() ? std::nullopt : std::optional(detail(422, missing));
}

Or<std::optional<events::WishedDeployment>> deployment_of(const Context& context, const Json& spec, const Compiled& compiled,
                                                          const std::string& base_model) {
  const auto* config = find_member(spec, "deployment_config");
  if (!config || config->is_null()) return std::optional<events::WishedDeployment>();
  auto now = format_time(context.services.platform.now());
  const DeploymentQuestion question{spec, compiled.is_adapter, context.workspace(), base_model, std::move(now)};
  if (config->is_object()) return std::optional(inline_deployment(question, *config));
  const auto reference = full_reference(config->get<std::string>(), context.workspace());
  const auto slash = reference.find('/');
  const auto workspace = reference.substr(0, slash), name = reference.substr(slash + 1);
  Json latest;
  if (context.sees_workspace(workspace))
    latest = latest_version(member_or_null(row_of(context, "record", workspace, events::RecordKey{"deployment_config", "", name}.text()), "data"));
  const bool output_exists = !row_of(context, "model", context.workspace(), spec["output"]["name"].get<std::string>()).is_null();
  auto wish = named_deployment(question, config->get<std::string>(), latest, output_exists);
  if (!wish) return from_error(wish.error());
  return std::optional(std::move(*wish));
}

// Everything that the spec names is there, or the answer that refuses.
std::optional<Answer> missing_reference(const Context& context, Backend backend, const References& references) {
  if (references.teacher)
    if (auto refusal = missing_model(context, *references.teacher)) return refusal;
  if (auto refusal = missing_dataset(context, references.dataset)) return refusal;
  if (references.validation)
    if (auto refusal = missing_dataset(context, *references.validation)) return refusal;
  return missing_profile(references, backend);
}

Json details_for(const Json& wish, Backend backend, Json spec, const Compiled& compiled) {
  Json details{{"source", "customization"},
               {"backend", name_of(backend)},
               {"spec", std::move(spec)},
               {"project", wish["project"]},
               {"ownership", wish["ownership"]},
               {"custom_fields", wish["custom_fields"]}};
  if (compiled.devices > 1) details["devices"] = compiled.devices;
  if (!compiled.warnings.empty()) details["warnings"] = compiled.warnings;
  return details;
}

Answer create_job(Context& context, Backend backend, const Schema& schema) {
  auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  auto& wish = std::get<Json>(body);
  Json spec = std::move(wish["spec"]);
  fill_in(backend, spec);
  const auto references = references_of(backend, spec);
  auto model = find_base_model(context, references.model);
  if (const auto* refusal = std::get_if<Answer>(&model)) return *refusal;
  const auto& base = std::get<ModelFound>(model);
  if (const auto refusal = missing_reference(context, backend, references)) return *refusal;
  if (const auto refusal = missing_project(context, wish["project"])) return *refusal;
  auto compiled = compile(backend, spec, base.facts);
  if (!compiled) return from_error(compiled.error());
  set_output(backend, *compiled, random_hex(context, 6), spec);
  auto deployment = deployment_of(context, spec, *compiled, base.facts.reference);
  if (const auto* refusal = std::get_if<Answer>(&deployment)) return *refusal;
  if (const auto refusal = missing_secrets(context, spec)) return *refusal;
  if (const auto refusal = missing_room(context, base, *compiled)) return *refusal;

  const auto name = wish["name"].is_string() ? wish["name"].get<std::string>() : std::string(name_stem(backend)) + "-" + random_hex(context, 6);
  if (references.validation) compiled->preparation["validation"] = full_reference(*references.validation, context.workspace());
  events::SubmitJob submit;
  submit.model = base.facts.reference;
  submit.dataset = full_reference(references.dataset, context.workspace());
  submit.output = spec["output"]["name"].get<std::string>();
  submit.output_fileset = spec["output"]["fileset"].get<std::string>();
  submit.description = text_or_empty(wish, "description");
  submit.config = {dump(compiled->config)};
  if (compiled->config.contains("distillation")) submit.teacher = full_reference(*references.teacher, context.workspace());
  submit.preparation = {dump(compiled->preparation)};
  submit.details = {dump(details_for(wish, backend, std::move(spec), *compiled))};
  submit.deploy = std::move(std::get<std::optional<events::WishedDeployment>>(deployment));
  const auto done = context.submit(context.workspace(), "job", name, std::move(submit));
  if (!done) return done.error().code == ErrorCode::limit ? detail(422, done.error().message) : from_error(done.error());
  return made(context.services.documents.get(kind, context.workspace(), name));
}

// ---------------------------------------------------------------------------------------------------------- show, list, status

DocumentPointer job_of(const Context& context) {
  const auto document = context.services.documents.get(kind, context.workspace(), context.path["name"]);
  return document && is_ours(*document) ? document : nullptr;
}

Answer no_job(const Context& context) { return not_found("customization job", context.workspace(), context.path["name"]); }

// The row as it is now with what its training has told: no document, because that changes without an event.
Answer show_job(Context& context) {
  const auto document = job_of(context);
  if (!document) return no_job(context);
  Json job = document->body;
  auto status = job_status(document->row, context.services.telemetry);
  job["status_details"] = std::move(status["status_details"]);
  job["steps"] = std::move(status["steps"]);
  return ok(job);
}

Answer show_status(Context& context) {
  const auto document = job_of(context);
  return document ? ok(job_status(document->row, context.services.telemetry)) : no_job(context);
}

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 10, .size_max = 1000, .sorts = {"created_at", "updated_at"}, .sort_default = "-created_at"};
  return rules;
}

Answer list_jobs(Context& context, Backend backend) {
  static const FilterRules filter{.fields = {"status", "description"}};
  const auto request = parse_page(context.query, page_rules());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  std::vector<DocumentPointer> jobs;
  const auto add = [&](const std::vector<DocumentPointer>& all) {
    for (const auto& document : all)
      if (is_ours(*document) && text_or_empty(details_of(document->row), "backend") == name_of(backend)) jobs.push_back(document);
  };
  if (context.workspace() != "-") add(*context.services.documents.all(kind, context.workspace()));
  else add(context.services.documents.everywhere(kind, [&](const std::string& name) { return context.sees_workspace(name); }));
  return page_answer(rows_of(jobs), std::get<Filter>(wanted), std::get<PageRequest>(request));
}

// ------------------------------------------------------------------------------------------------------------- cancel, delete

Answer cancel_job(Context& context) {
  if (!job_of(context)) return no_job(context);
  const auto done = context.submit(context.workspace(), "job", context.path["name"], events::CancelJob{"cancelled over HTTP"});
  if (!done) return from_error(done.error());
  return found(job_of(context));
}

bool has_ended(const Document& document) {
  const auto status = text_or_empty(document.row, "status");
  return status == "completed" || status == "error" || status == "cancelled";
}

// A job that runs is stopped first; what it has made stays.
Answer delete_job(Context& context) {
  auto document = job_of(context);
  if (!document) return no_job(context);
  const auto& name = context.path["name"];
  if (!has_ended(*document)) {
    const auto done = context.submit(context.workspace(), "job", name, events::CancelJob{"deleted"});
    if (!done) return from_error(done.error());
    const auto until = std::chrono::steady_clock::now() + stop_wait_max;
    while ((document = job_of(context)) && !has_ended(*document) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(100ms);
    if (!document) return no_job(context);
    if (!has_ended(*document)) return detail(409, "job " + context.workspace() + "/" + name + " is being stopped; delete it again when it has ended");
  }
  const auto done = context.submit(context.workspace(), "job", name, events::DeleteJob{});
  if (!done) return from_error(done.error());
  return no_content();
}

void add_backend(Routes& routes, Backend backend) {
  using enum WorkspaceRule;
  const std::string workspace = std::string(root) + "/v2/workspaces/{workspace}";
  const std::string all = workspace + (backend == Backend::classic ? "" : std::string("/") + name_of(backend)) + "/jobs", one = all + "/{name}";
  const auto tag = "customization";
  const auto schema = job_request_schema(backend);
  routes.add({.method = "POST", .path = all, .summary = "Start a fine-tuning job", .tag = tag, .body = schema, .answer = job_schema(), .success = 201,
              .errors = {403, 409}},
             create, [backend, schema](Context& context) { return create_job(context, backend, schema); });
  routes.add({.method = "GET", .path = all, .summary = "List fine-tuning jobs", .tag = tag, .answer = page_schema(job_schema()),
              .query = page_fields(page_rules())}, any,
             [backend](Context& context) { return list_jobs(context, backend); });
  routes.add({.method = "GET", .path = one, .summary = "Show a fine-tuning job", .tag = tag, .answer = job_schema(), .errors = {404}}, read, show_job);
  routes.add({.method = "GET", .path = one + "/status", .summary = "How far a fine-tuning job is", .tag = tag, .answer = job_status_schema(),
              .errors = {404}}, read, show_status);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a fine-tuning job", .tag = tag, .success = 204, .errors = {404, 409}}, read,
             delete_job);
  routes.add({.method = "POST", .path = one + "/cancel", .summary = "Cancel a fine-tuning job", .tag = tag, .answer = job_schema(), .errors = {404},
              .body_required = false}, read, cancel_job);
  if (backend == Backend::classic) return;
  routes.add({.method = "GET", .path = workspace + "/" + name_of(backend) + "/healthz", .summary = "Whether this back end is there", .tag = tag,
              .answer = object({required("backend", text()), required("status", text())}).named("BackendHealth")}, read, [backend](Context&) { return ok({{"backend", name_of(backend)}, {"status", "ok"}}); });
}

}  // namespace

void add_customization(Routes& routes, Services& services) {
  services.documents.declare({.name = kind, .entity = "job", .render = render_job});
  for (const auto backend : {Backend::classic, Backend::automodel, Backend::unsloth}) add_backend(routes, backend);
  routes.add({.method = "GET", .path = std::string(root) + "/healthz", .summary = "Whether fine-tuning is there", .tag = "customization",
              .answer = object({required("plugin", text()), required("status", text()), required("contributors", list_of(text()))}).named("CustomizationHealth")},
             WorkspaceRule::none, [](Context&) {
               return ok({{"plugin", "customization"}, {"status", "ok"}, {"contributors", Json::array({"automodel", "unsloth"})}});
             });
}

}  // namespace luthier::api
