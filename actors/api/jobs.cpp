// The jobs service: fine-tuning jobs and the jobs that clients run themselves, in one list.
#include "actors/api/jobs.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "actors/api/answer_schema.hpp"
#include "actors/api/job_status.hpp"
#include "actors/api/jobs_view.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {

using namespace rest;
using namespace std::chrono_literals;

namespace {

constexpr auto stop_wait_max = 20s;  // of a DELETE of a training that runs

std::vector<DocumentPointer> all_jobs(const Context& context) {
  const auto of_kind = [&](const char* kind) {
    if (context.workspace() != "-") return *context.services.documents.all(kind, context.workspace());
    return context.services.documents.everywhere(kind, [&](const std::string& name) { return context.sees_workspace(name); });
  };
  return in_order(of_kind(platform_job_kind), of_kind(training_job_kind));
}

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 10, .size_max = 1000, .sorts = {"created_at", "updated_at"}, .sort_default = "-created_at"};
  return rules;
}

Answer list_jobs(Context& context) {
  static const FilterRules filter{.fields = {"status", "source", "description"}};
  const auto request = parse_page(context.query, page_rules());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  const auto jobs = all_jobs(context);
  return page_answer(rows_of(jobs), std::get<Filter>(wanted), std::get<PageRequest>(request));
}

Answer show_job(Context& context) {
  const auto job = find_job(context);
  if (!job) return no_job();
  return job->is_platform ? found(job->document) : ok(shown_job(context, *job));
}

Answer show_status(Context& context) {
  const auto job = find_job(context);
  return job ? ok(shown_status(context, *job)) : no_job();
}

Answer changed_job(Context& context, const Result<Done>& done) {
  if (!done) return refused(done.error());
  return show_job(context);
}

Schema details_schema() { return map_of(any()).items(0, 1000).named("JobStatusDetails"); }

Answer merge_details(Context& context) {
  static const Schema schema = details_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto job = find_job(context);
  if (!job) return no_job();
  const auto& details = std::get<Json>(body);
  if (job->is_platform)
    return changed_job(context, context.submit(context.workspace(), "platform_job", job->name(), events::MergeJobDetails{{dump(details)}}));
  const events::UpdateJob update{{dump(Json{{"status_details", details}})}};
  return changed_job(context, context.submit(context.workspace(), "job", job->name(), update));
}

// ----------------------------------------------------------------------------------------------------- cancel, pause, resume

template <class ForPlatform, class ForTraining>
Answer wish(Context& context, ForPlatform for_platform, ForTraining for_training) {
  const auto job = find_job(context);
  if (!job) return no_job();
  if (job->is_platform)
    return changed_job(context, context.submit(context.workspace(), "platform_job", job->name(), std::move(for_platform)));
  const auto done = context.submit(context.workspace(), "job", job->name(), std::move(for_training));
  // What cannot be paused or resumed now is answered as it is.
  if (!done && done.error().code == ErrorCode::conflict) return show_job(context);
  return changed_job(context, done);
}

Answer cancel_job(Context& context) { return wish(context, events::CancelPlatformJob{}, events::CancelJob{"cancelled over HTTP"}); }
Answer pause_job(Context& context) { return wish(context, events::PausePlatformJob{}, events::PauseJob{}); }
Answer resume_job(Context& context) { return wish(context, events::ResumePlatformJob{}, events::ResumeJob{}); }

// ------------------------------------------------------------------------------------------------------------------ delete

bool has_ended(const FoundJob& job) {
  const auto status = text_or_empty(job.row(), "status");
  return status == "completed" || status == "error" || status == "cancelled";
}

// One that runs is stopped first; what it has made stays.
Answer delete_training(Context& context, std::optional<FoundJob> job) {
  const auto name = job->name();
  if (!has_ended(*job)) {
    const auto done = context.submit(context.workspace(), "job", name, events::CancelJob{"deleted"});
    if (!done) return refused(done.error());
    const auto until = std::chrono::steady_clock::now() + stop_wait_max;
    while ((job = find_job(context)) && !has_ended(*job) && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(100ms);
    if (!job) return no_job();
    if (!has_ended(*job)) return detail(409, "job " + context.workspace() + "/" + name + " is being stopped; delete it again when it has ended");
  }
  const auto done = context.submit(context.workspace(), "job", name, events::DeleteJob{});
  return done ? no_content() : refused(done.error());
}

Answer delete_job(Context& context) {
  auto job = find_job(context);
  if (!job) return no_job();
  if (!job->is_platform) return delete_training(context, std::move(job));
  const auto done = context.submit(context.workspace(), "platform_job", job->name(), events::DeletePlatformJob{});
  return done ? no_content() : refused(done.error());
}

// ---------------------------------------------------------------------------------------------------------------- profiles

// What a step may name. That a profile is there does not say that this server runs it: `config` does.
Answer list_profiles(Context& context) {
  const char* by_hand = "a client moves the steps over HTTP";
  const char* unused = "this server runs no commands of clients: such a step ends with an error";
  const Json clients{{"runs", false}, {"note", context.services.settings.controllers ? unused : by_hand}};
  Json profiles = Json::array();
  for (const auto* provider : {"subprocess", "cpu", "gpu", "gpu_distributed"})
    profiles.push_back({{"provider", provider}, {"profile", "default"}, {"backend", "luthier"}, {"config", clients}});
  return ok(profiles);
}

Schema profile_schema() {
  return object({required("provider", text()), required("profile", text()), required("backend", text()), required("config", map_of(any()))})
      .named("ExecutionProfile");
}

}  // namespace

Schema platform_job_answer_schema() {
  return object({required("id", text()), required("attempt_id", text()), required("name", text()), required("workspace", text()),
                 optional("project", text()), optional("description", text()), required("source", text()), required("spec", map_of(any())),
                 required("platform_spec", map_of(any())), required("fileset", text()), required("status", text()),
                 optional("status_details", map_of(any())), optional("error_details", map_of(any())), required("created_at", timestamp()),
                 required("updated_at", timestamp()), optional("ownership", map_of(any())), optional("custom_fields", map_of(any()))})
      .named("PlatformJobResponse");
}

std::vector<DocumentPointer> in_order(const std::vector<DocumentPointer>& some, const std::vector<DocumentPointer>& others) {
  std::vector<DocumentPointer> all;
  all.reserve(some.size() + others.size());
  std::merge(some.begin(), some.end(), others.begin(), others.end(), std::back_inserter(all), [](const DocumentPointer& a, const DocumentPointer& b) {
    return text_or_empty(a->row, "created_at") < text_or_empty(b->row, "created_at");
  });
  return all;
}

std::optional<FoundJob> find_job(const Context& context, const std::string& name) {
  const auto& documents = context.services.documents;
  if (auto document = documents.get(platform_job_kind, context.workspace(), name)) return FoundJob{std::move(document), true};
  if (auto document = documents.get(training_job_kind, context.workspace(), name)) return FoundJob{std::move(document), false};
  return std::nullopt;
}

std::optional<FoundJob> find_job(const Context& context) { return find_job(context, context.path["name"]); }

Answer no_job() { return detail(404, "Job not found"); }

Json shown_job(const Context& context, const FoundJob& job) {
  return job.is_platform ? job.document->body : training_job_response(job.row(), context.services.telemetry);
}

Json shown_status(const Context& context, const FoundJob& job) {
  return job.is_platform ? platform_job_status(job.row()) : job_status(job.row(), context.services.telemetry);
}

Answer refused(const Error& error) { return error.code == ErrorCode::limit ? detail(422, error.message) : from_error(error); }

void add_jobs(Routes& routes, Services& services) {
  services.documents.declare({.name = platform_job_kind, .entity = "platform_job", .render = platform_job_response});
  services.documents.declare(
      {.name = training_job_kind, .entity = "job", .render = [](const Json& row) { return training_job_response(row, nullptr); }});
  using enum WorkspaceRule;
  const std::string all = jobs_root, one = all + "/{name}";
  const auto tag = "jobs";
  add_job_creation(routes);
  routes.add({.method = "GET", .path = all, .summary = "List jobs of every source", .tag = tag, .answer = page_schema(platform_job_answer_schema()),
              .query = page_fields(page_rules())}, any, list_jobs);
  routes.add({.method = "GET", .path = one, .summary = "Show a job", .tag = tag, .answer = platform_job_answer_schema(), .errors = {404}}, read,
             show_job);
  routes.add({.method = "DELETE", .path = one, .summary = "Delete a job with all that is told of it", .tag = tag, .success = 204,
              .errors = {404, 409}}, read, delete_job);
  routes.add({.method = "GET", .path = one + "/status", .summary = "How far a job is, step by step", .tag = tag, .answer = job_status_schema(), .errors = {404}}, read,
             show_status);
  routes.add({.method = "PATCH", .path = one + "/status-details", .summary = "Merge into what is told of a job", .tag = tag, .body = details_schema(),
              .answer = platform_job_answer_schema(), .errors = {404}}, read, merge_details);
  routes.add({.method = "POST", .path = one + "/cancel", .summary = "Cancel a job", .tag = tag, .answer = platform_job_answer_schema(), .errors = {404, 409},
              .body_required = false}, read, cancel_job);
  routes.add({.method = "POST", .path = one + "/pause", .summary = "Pause a job", .tag = tag, .answer = platform_job_answer_schema(), .errors = {404},
              .body_required = false}, read, pause_job);
  routes.add({.method = "POST", .path = one + "/resume", .summary = "Go on with a paused job", .tag = tag, .answer = platform_job_answer_schema(), .errors = {404},
              .body_required = false}, read, resume_job);
  add_job_steps(routes);
  add_job_results(routes);
  add_job_logs(routes);
  add_log_ingestion(routes);
  routes.add({.method = "GET", .path = "/apis/jobs/v2/execution-profiles", .summary = "What the steps of jobs may run on", .tag = tag,
              .answer = list_of(profile_schema())}, none,
             list_profiles);
}

}  // namespace luthier::api
