// The log lines of jobs, page by page.
#include <algorithm>

#include "actors/api/answer_schema.hpp"
#include "actors/api/job_telemetry.hpp"
#include "actors/api/jobs.hpp"
#include "actors/api/jobs_logs.hpp"
#include "actors/rest/cursor.hpp"
#include "events/model/analysis.hpp"

namespace luthier::api {

using namespace rest;

Or<LogPlace> log_place(std::int64_t limit, const std::string& cursor) {
  LogPlace place{1, std::min(limit, log_lines_max)};
  if (cursor.empty()) return place;
  const auto parsed = parse_cursor(cursor);
  if (const auto* refusal = std::get_if<Answer>(&parsed)) return *refusal;
  place.page = std::max<std::int64_t>(std::get<Cursor>(parsed).page, 1);
  if (place.page > std::numeric_limits<std::int64_t>::max() / log_lines_max) return detail(422, "The page cursor is of no page.");
  return place;
}

Json log_page(const LogPlace& place, Json rows, std::int64_t total) {
  const auto next = place.offset() + place.limit < total ? Json(to_text({place.page + 1, false})) : Json(nullptr);
  const auto previous = place.page > 1 ? Json(to_text({place.page - 1, true})) : Json(nullptr);
  return {{"data", std::move(rows)}, {"total", total}, {"next_page", next}, {"prev_page", previous}};
}

namespace {

std::vector<QueryField> log_query() {
  return {{optional("limit", integer().at_least(1), 100), "lines of a page; at most 1,000 are given"},
          {optional("page_cursor", text()), "next_page or prev_page of an answer"},
          {optional("attempt_id", integer()), "of this attempt"},
          {optional("step_id", text()), "of the step with this name"},
          {optional("task_id", text()), "of the task with this name"}};
}

// The step that a training's lines belong to, and its task; empty texts when it has not begun.
std::pair<std::string, std::string> place_of_training(const Context& context, const FoundJob& job) {
  const auto status = shown_status(context, job);
  if (status["steps"].size() < 2) return {};
  const auto& step = status["steps"][1];
  return {text_or_empty(step, "name"), text_or_empty(step["tasks"][0], "name")};
}

Json shown(const LogLine& line, const std::string& job, const std::string& step, const std::string& task) {
  const std::string& at_step = step.empty() ? line.step : step;
  const std::string& at_task = task.empty() ? line.task : task;
  return {{"timestamp", line.timestamp}, {"job", job}, {"job_step", at_step}, {"job_task", at_task}, {"message", line.message}};
}

// What the platform does at once and by itself, as the analysis of a checkpoint, has no runner who writes lines. Its record says what was
// done and what came of it.
LogPage lines_of_record(const Json& row, const LogQuery& query) {
  const auto is_wanted = [&](const LogLine& line) {
    return std::all_of(query.where.begin(), query.where.end(), [&](const auto& each) {
      const auto& [column, value] = each;
      return value == (column == "attempt" ? line.attempt : column == "step" ? line.step : line.task);
    });
  };
  LogPage page;
  const auto add = [&](const LogLine& line) {
    if (line.message.empty() || !is_wanted(line)) return;
    if (page.total >= query.offset && page.total < query.offset + query.limit) page.lines.push_back(line);
    ++page.total;
  };
  for (const auto& step : row["steps"])
    for (const auto& task : step["tasks"]) {
      LogLine line{text_or_empty(task, "created_at"), "1", "", text_or_empty(step, "name"), text_or_empty(task, "name"), text_or_empty(row, "description")};
      add(line);
      line.timestamp = text_or_empty(task, "updated_at");
      line.message = text_or_empty(task["status_details"], "message");
      add(line);
    }
  return page;
}

Answer show_logs(Context& context, bool is_of_customization) {
  const auto job = find_job(context);
  if (!job) return no_job();
  if (is_of_customization && (job->is_platform || text_or_empty(job->document->body, "source") != "customization")) return no_job();
  const auto query = read_query(context.query, log_query());
  if (const auto* refusal = std::get_if<Answer>(&query)) return *refusal;
  const auto& wish = std::get<Json>(query);
  const auto place = log_place(wish["limit"].get<std::int64_t>(), text_or_empty(wish, "page_cursor"));
  if (const auto* refusal = std::get_if<Answer>(&place)) return *refusal;
  const auto& at = std::get<LogPlace>(place);

  LogQuery wanted;
  wanted.offset = at.offset();
  wanted.limit = at.limit;
  const auto add = [&wanted](const std::string& column, const std::string& value) { wanted.where.push_back({column, value}); };
  if (wish["attempt_id"].is_number_integer()) add("attempt", dump(wish["attempt_id"]));
  const auto step = text_or_empty(wish, "step_id"), task = text_or_empty(wish, "task_id");
  std::string owner = text_or_empty(job->row(), job->is_platform ? "fileset_id" : "id"), own_step, own_task;
  bool is_none = owner.empty() || !context.services.telemetry;
  if (job->is_platform) {
    if (!step.empty()) add("step", step);
    if (!task.empty()) add("task", task);
  } else {
    std::tie(own_step, own_task) = place_of_training(context, *job);
    is_none = is_none || (!step.empty() && step != own_step) || (!task.empty() && task != own_task);
  }
  const bool is_of_platform = job->is_platform && owner.empty() && text_or_empty(job->row(), "source") == events::analysis_source;
  const auto page = is_of_platform ? lines_of_record(job->row(), wanted) : is_none ? LogPage() : context.services.telemetry->logs(owner, wanted);
  Json rows = Json::array();
  for (const auto& line : page.lines) rows.push_back(shown(line, job->name(), own_step, own_task));
  return ok(log_page(at, std::move(rows), page.total));
}

}  // namespace

void add_job_logs(Routes& routes) {
  const auto add = [&](const std::string& root, const std::string& job, bool is_of_customization) {
    std::string path = root;
    for (const auto& part : {job, std::string("/logs")}) path.append(part);
    routes.add({.method = "GET", .path = std::move(path), .summary = "The log lines of a job", .tag = is_of_customization ? "customization" : "jobs",
                .answer = log_lines_schema(), .query = log_query(), .errors = {404}},
               WorkspaceRule::read, [=](Context& context) { return show_logs(context, is_of_customization); });
  };
  add(jobs_root, "/{name}", false);
  for (const auto* prefix : {"", "/automodel", "/unsloth"})
    add("/apis/customization/v2/workspaces/{workspace}", std::string(prefix) += "/jobs/{name}", true);
}

}  // namespace luthier::api
