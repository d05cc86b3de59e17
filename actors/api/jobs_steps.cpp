// Steps of jobs and their tasks: read of all jobs, moved only of those that a client runs.
#include <algorithm>

#include "actors/api/answer_schema.hpp"
#include "actors/api/jobs.hpp"
#include "actors/api/jobs_view.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {
namespace {

using namespace rest;

Answer no_step(const FoundJob& job, const std::string& step) { return detail(404, "step " + step + " of job " + job.name() + " not found"); }

Answer moved_by_the_platform(const FoundJob& job) {
  return detail(409, "job " + job.name() + " is a fine-tuning job, whose steps the platform moves");
}

// The members of `list` with that name; null: there is none.
const Json* named(const Json& list, const std::string& name) {
  for (const auto& each : list)
    if (each["name"] == name) return &each;
  return nullptr;
}

Schema status_schema() {
  return one_of({"created", "pending", "active", "cancelling", "cancelled", "pausing", "paused", "resuming", "error", "completed"});
}

Schema step_schema(bool with_context) {
  const auto details = map_of(any());
  std::vector<rest::Field> fields{required("id", text()), required("name", text()), required("workspace", text()), optional("project", text()),
                                  required("attempt_id", text()), optional("config", details), required("status", text()),
                                  optional("status_details", details), optional("error_details", details), required("created_at", timestamp()),
                                  optional("created_by", text()), required("updated_at", timestamp()), optional("updated_by", text()),
                                  required("parent", text()), required("entity_id", text())};
  if (!with_context) return object(std::move(fields)).named("PlatformJobStepResponse");
  for (const char* name : {"job", "fileset", "source"}) fields.push_back(required(name, text()));
  fields.push_back(optional("step_spec", details));
  fields.push_back(optional("auth_context", any()));
  return object(std::move(fields)).named("PlatformJobStepWithContext");
}

Schema task_schema() {
  const auto details = map_of(any());
  return object({required("id", text()), required("name", text()), required("workspace", text()), required("step_id", text()), required("status", text()),
                 optional("status_details", details), optional("error_details", details), optional("error_stack", text()),
                 required("created_at", timestamp()), required("updated_at", timestamp())})
      .named("PlatformJobTaskResponse");
}

// ---------------------------------------------------------------------------------------------------------------- steps

// Bodies and texts that the rows of a page point to.
struct Rendered {
  std::vector<Json> bodies;
  std::vector<std::string> texts;

  void add(Json body) {
    texts.push_back(dump(without_nulls(body)));
    bodies.push_back(std::move(body));
  }
  std::vector<Row> rows() const {
    std::vector<Row> all;
    for (std::size_t i = 0; i < bodies.size(); ++i) all.push_back({&bodies[i], &texts[i]});
    return all;
  }
};

void add_steps(const Context& context, const FoundJob& job, Rendered& into) {
  const auto status = shown_status(context, job);
  for (const auto& step : status["steps"]) into.add(step_response(job.document->body, step, true));
}

const PageRules& page_rules() {
  static const PageRules rules{.size_default = 25, .size_max = 1000, .sorts = {"created_at", "updated_at", "name"}, .sort_default = "created_at"};
  return rules;
}

// Of one job, or with the name "-" of all.
Answer list_steps(Context& context) {
  static const FilterRules filter{.fields = {"job", "status", "source", "attempt_id"}};
  const auto request = parse_page(context.query, page_rules());
  if (const auto* refusal = std::get_if<Answer>(&request)) return *refusal;
  const auto wanted = parse_filter(context.query, filter);
  if (const auto* refusal = std::get_if<Answer>(&wanted)) return *refusal;
  const bool is_of_all = context.path["name"] == "-";
  Rendered steps;
  Json added = Json::object();
  if (is_of_all) {
    auto& documents = context.services.documents;
    for (const bool is_platform : {true, false}) {
      const auto* kind = is_platform ? platform_job_kind : training_job_kind;
      const auto jobs = context.workspace() == "-" ? documents.everywhere(kind, [&](const std::string& name) { return context.sees_workspace(name); })
                                                   : *documents.all(kind, context.workspace());
      for (const auto& document : jobs) add_steps(context, {document, is_platform}, steps);
    }
    auto rows = steps.rows();
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return text_or_empty(*a.body, "created_at") < text_or_empty(*b.body, "created_at");
    });
    return page_answer(rows, std::get<Filter>(wanted), std::get<PageRequest>(request), nullptr, added);
  }
  if (context.workspace() == "-") return no_job();
  const auto job = find_job(context);
  if (!job) return no_job();
  add_steps(context, *job, steps);
  added["job"] = job->name();
  return page_answer(steps.rows(), std::get<Filter>(wanted), std::get<PageRequest>(request), nullptr, added);
}

// The present answer of the step in the path.
Answer step_answer(const Context& context, const FoundJob& job) {
  const auto status = shown_status(context, job);
  const auto* step = named(status["steps"], context.path["step"]);
  return step ? ok(step_response(job.document->body, *step, false)) : no_step(job, context.path["step"]);
}

Answer show_step(Context& context) {
  const auto job = find_job(context);
  return job ? step_answer(context, *job) : no_job();
}

std::optional<JsonText> given_object(const Json& body, const char* member) {
  const auto* value = find_member(body, member);
  if (!value || value->is_null()) return std::nullopt;
  return JsonText{dump(*value)};
}

Schema step_change_schema() {
  return object({required("status", status_schema()), maybe("status_details", map_of(any()).or_null()),
                 maybe("error_details", map_of(any()).or_null())})
      .named("UpdateStepStatus");
}

Answer move_step(Context& context) {
  static const Schema schema = step_change_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  auto job = find_job(context);
  if (!job) return no_job();
  if (!job->is_platform) return moved_by_the_platform(*job);
  events::SetStepStatus set{context.path["step"], wish["status"].get<std::string>()};
  set.status_details = given_object(wish, "status_details");
  set.error_details = given_object(wish, "error_details");
  const auto done = context.submit(context.workspace(), "platform_job", job->name(), std::move(set));
  if (!done) return refused(done.error());
  job = find_job(context);
  return job ? step_answer(context, *job) : no_job();
}

// ---------------------------------------------------------------------------------------------------------------- tasks

Answer list_tasks(Context& context) {
  const auto job = find_job(context);
  if (!job) return no_job();
  const auto status = shown_status(context, *job);
  const auto* step = named(status["steps"], context.path["step"]);
  if (!step) return no_step(*job, context.path["step"]);
  Json data = Json::array();
  for (const auto& task : (*step)["tasks"]) data.push_back(without_nulls(task_response(job->document->body, *step, task)));
  return ok({{"data", std::move(data)}});
}

Answer task_answer(const Context& context, const FoundJob& job) {
  const auto status = shown_status(context, job);
  const auto* step = named(status["steps"], context.path["step"]);
  if (!step) return no_step(job, context.path["step"]);
  const auto* task = named((*step)["tasks"], context.path["task"]);
  if (!task) return detail(404, "task " + context.path["task"] + " of step " + context.path["step"] + " of job " + job.name() + " not found");
  return ok(task_response(job.document->body, *step, *task));
}

Answer show_task(Context& context) {
  const auto job = find_job(context);
  return job ? task_answer(context, *job) : no_job();
}

Schema task_change_schema() {
  return object({maybe("status", status_schema().or_null()), maybe("status_details", map_of(any()).or_null()),
                 maybe("error_details", map_of(any()).or_null()), maybe("error_stack", text().or_null())})
      .named("PutTask");
}

Answer put_task(Context& context) {
  static const Schema schema = task_change_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto& wish = std::get<Json>(body);
  auto job = find_job(context);
  if (!job) return no_job();
  if (!job->is_platform) return moved_by_the_platform(*job);
  events::PutTask put{context.path["step"], context.path["task"]};
  if (const auto status = text_or_empty(wish, "status"); !status.empty()) put.status = status;
  if (const auto* stack = find_member(wish, "error_stack"); stack && stack->is_string()) put.error_stack = stack->get<std::string>();
  put.status_details = given_object(wish, "status_details");
  put.error_details = given_object(wish, "error_details");
  const auto done = context.submit(context.workspace(), "platform_job", job->name(), std::move(put));
  if (!done) return refused(done.error());
  job = find_job(context);
  return job ? task_answer(context, *job) : no_job();
}

}  // namespace

void add_job_steps(Routes& routes) {
  using enum WorkspaceRule;
  const std::string all = std::string(jobs_root) + "/{name}/steps", one = all + "/{step}", tasks = one + "/tasks", task = tasks + "/{task}";
  const auto tag = "jobs";
  routes.add({.method = "GET", .path = all, .summary = "List the steps of a job, or with the name - of all", .tag = tag,
              .answer = page_schema(step_schema(true)), .query = page_fields(page_rules()), .errors = {404}},
             any, list_steps);
  routes.add({.method = "GET", .path = one, .summary = "Show a step", .tag = tag, .answer = step_schema(false), .errors = {404}}, read, show_step);
  routes.add({.method = "PATCH", .path = one + "/status", .summary = "Move a step", .tag = tag, .body = step_change_schema(),
              .answer = step_schema(false),
              .errors = {404, 409}}, read, move_step);
  routes.add({.method = "GET", .path = tasks, .summary = "List the tasks of a step", .tag = tag, .answer = rows_schema(task_schema()), .errors = {404}}, read, list_tasks);
  routes.add({.method = "GET", .path = task, .summary = "Show a task", .tag = tag, .answer = task_schema(), .errors = {404}}, read, show_task);
  routes.add({.method = "PUT", .path = task, .summary = "Make or change a task", .tag = tag, .body = task_change_schema(),
              .answer = task_schema(),
              .errors = {404, 409}}, read, put_task);
}

}  // namespace luthier::api
