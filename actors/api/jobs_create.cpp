// A client makes a job for a runner of its own.
#include "actors/api/customization_lookup.hpp"
#include "actors/api/customization_names.hpp"
#include "actors/api/jobs.hpp"
#include "actors/api/jobs_spec.hpp"

namespace luthier::api {
namespace {

using namespace rest;

std::optional<Answer> missing_secret(const Context& context, const Json& platform_spec) {
  for (const auto& reference : secrets_of(platform_spec)) {
    const auto full = full_reference(reference, context.workspace());
    const auto slash = full.find('/');
    const auto workspace = full.substr(0, slash), name = full.substr(slash + 1);
    if (!context.sees_workspace(workspace) || row_of(context, "secret", workspace, name).is_null())
      return detail(409, "secret " + full + " not found");
  }
  return std::nullopt;
}

// Where the platform's own controllers run, nobody moves the steps of such a job, and to run the commands of callers on the server is a
// risk that no operator has asked for. The job says so instead of waiting for ever.
Result<Done> refuse_to_run(Context& context, const std::string& name, const std::string& step) {
  events::SetStepStatus set{step, "error"};
  const auto message = "this server runs no commands of clients, so that step " + step +
                       " would never begin; on a server that was started with --controllers off a runner of your own can move the steps, and "
                       "fine-tuning jobs under /apis/customization run here";
  set.error_details = JsonText{dump(Json{{"message", message}})};
  return context.submit(context.workspace(), "platform_job", name, std::move(set));
}

Answer create_job(Context& context) {
  static const Schema schema = platform_job_schema();
  auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  auto& wish = std::get<Json>(body);
  auto resolved = resolved_platform_spec(wish["platform_spec"]);
  if (const auto* refusal = std::get_if<Answer>(&resolved)) return *refusal;
  const auto& platform_spec = std::get<Json>(resolved);
  if (const auto refusal = missing_project(context, wish["project"])) return *refusal;
  if (const auto refusal = missing_secret(context, platform_spec)) return *refusal;

  const auto source = wish["source"].get<std::string>();
  const auto name =
      wish["name"].is_string() ? wish["name"].get<std::string>() : generated_job_name(source, context.services.platform.random_bytes(8));
  events::CreatePlatformJob create;
  create.source = source;
  create.description = text_or_empty(wish, "description");
  create.project = text_or_empty(wish, "project");
  create.spec = {dump(wish["spec"])};
  create.platform_spec = {dump(platform_spec)};
  create.details = {dump(Json{{"ownership", wish["ownership"]}, {"custom_fields", wish["custom_fields"]}})};
  const auto done = context.submit(context.workspace(), "platform_job", name, std::move(create));
  if (!done) return refused(done.error());
  auto answer = made(context.services.documents.get(platform_job_kind, context.workspace(), name));
  if (context.services.settings.controllers)
    if (const auto told = refuse_to_run(context, name, text_or_empty(platform_spec["steps"][0], "name")); !told) return refused(told.error());
  return answer;
}

}  // namespace

void add_job_creation(Routes& routes) {
  routes.add({.method = "POST", .path = jobs_root, .summary = "Create a job whose steps a runner of yours moves", .tag = "jobs",
              .body = platform_job_schema(), .answer = platform_job_answer_schema(), .success = 201},
             WorkspaceRule::create, create_job);
}

}  // namespace luthier::api
