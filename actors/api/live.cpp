#include "actors/api/live.hpp"

#include "actors/api/job_status.hpp"
#include "actors/api/log_view.hpp"
#include "actors/api/services.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {

using namespace rest;

namespace {

// The details of the step that trains: they have the curves.
Json training_in(const Json& status) {
  for (const auto& step : status["steps"])
    for (const auto& task : step["tasks"])
      if (find_member(task["status_details"], "metrics")) return task["status_details"];
  return Json::object();
}

Answer show_metrics(Context& context) {
  const auto &workspace = context.workspace(), &name = context.path["name"];
  const auto text = context.services.platform.read_models().get("job", workspace, name);
  if (!text) return from_error(text.error());
  const auto row = *text ? Json::parse(**text, nullptr, false) : Json();
  if (!row.is_object()) return not_found("job", workspace, name);
  const auto status = job_status(row, context.services.telemetry);
  Json answer = training_in(status);
  answer["job"] = workspace + "/" + name;
  answer["status"] = status["status"];
  if (!find_member(answer, "metrics")) answer["metrics"] = {{"train_loss", Json::array()}, {"val_loss", Json::array()}};
  for (const char* name_of : {"checkpoints", "attempts", "summary"})
    if (const auto* member = find_member(row, name_of)) answer[name_of] = *member;
  return ok(answer);
}

Schema metrics_schema() {
  return object({required("job", text()), required("status", text()), required("metrics", map_of(any()))}).extra(Extra::keep).named("TrainingCurves");
}

Schema events_schema() {
  const auto event = object({required("specversion", text()), required("id", text()), required("type", text()), required("source", text())})
                         .extra(Extra::keep)
                         .named("CloudEvent");
  return object({required("head", integer().at_least(0)), required("items", list_of(event)), optional("earlier", integer()), optional("later", integer())})
      .named("EventPage");
}

Schema state_schema() {
  return object({required("position", integer().at_least(0)), optional("time", timestamp()), required("items", list_of(map_of(any()))), optional("next", text())})
      .named("StatePage");
}

Schema audit_schema() {
  const auto place = [] { return std::vector<rest::Field>{required("position", integer().at_least(0)), required("hash", text())}; };
  auto head = place(), opened = place();
  head.push_back(optional("time", timestamp()));
  opened.push_back(required("at", timestamp()));
  const auto running = object({required("started_at", timestamp()), required("verified", integer()), required("total", integer())});
  const auto last = object({required("ok", boolean()), required("position", integer()), required("hash", text()), optional("first_bad_position", integer()),
                            required("findings", list_of(text())), required("notes", list_of(text())), optional("started_at", timestamp()),
                            optional("finished_at", timestamp())});
  return object({required("head", object(std::move(head))), optional("anchor", object(place())), optional("log_id", text()),
                 required("opened", object(std::move(opened))), required("can_verify", boolean()), optional("running", running), optional("last", last)})
      .named("LogAudit");
}

}  // namespace

bool WantedEvents::fits(const log::Record& record) const {
  return (workspace.empty() || workspace_of(record) == workspace) && (entity.empty() || record.stream.entity == entity) &&
         (name.empty() || record.name == name);
}

std::vector<QueryField> wanted_fields() {
  return {{optional("workspace", text(), ""), "Events of this workspace alone."},
          {optional("entity", text(), ""), "Events of this kind of entity: model, job, deployment …"},
          {optional("name", text(), ""), "Events of entities of this name."}};
}

WantedEvents wanted_of(const Json& query) {
  return {query["workspace"].get<std::string>(), query["entity"].get<std::string>(), query["name"].get<std::string>()};
}

std::optional<Answer> hidden(const Context& context, const std::string& workspace) {
  if (workspace.empty() || LogView(context).seen_from(workspace) != LogView::never) return std::nullopt;
  return detail(404, "workspace " + workspace + " not found");
}

Answer busy(std::string_view sentence) {
  auto answer = detail(503, sentence);
  answer.headers.emplace_back("Retry-After", "2");
  return answer;
}

std::string array_of(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += item;
  }
  return text + "]";
}

void add_live(Routes& routes, Services& services) {
  if (!services.log || !services.feed) return;  // a server without a log of its own
  const auto live = std::make_shared<Live>(services);
  using enum WorkspaceRule;
  const auto tag = "luthier";
  routes.add_stream({.method = "GET", .path = "/luthier/v1/events", .summary = "Follow the event log", .tag = tag, .answer = text(), .query = stream_fields(), .errors = {404, 503},
                     .answer_type = "text/event-stream",
                     .description = "Server-sent events: each has its position as id and a CloudEvent as data. Last-Event-ID resumes."},
                    none, auth::Action::read, [live](Context& context) { stream_events(context, *live); });
  routes.add({.method = "GET", .path = "/luthier/v1/log", .summary = "List events of the log", .tag = tag, .answer = events_schema(), .query = list_fields(), .errors = {404}}, none,
             [live](Context& context) { return list_events(context, *live); });
  routes.add({.method = "GET", .path = "/luthier/v1/state/{entity}/{workspace}", .summary = "The rows of an entity, now or at a past position", .tag = tag,
              .answer = state_schema(), .query = state_fields(), .errors = {404, 503}}, none, [live](Context& context) { return show_state(context, *live); });
  routes.add({.method = "GET", .path = "/luthier/v1/jobs/{workspace}/{name}/metrics", .summary = "The curves of a training", .tag = tag, .answer = metrics_schema(), .errors = {404}}, read,
             show_metrics);
  routes.add({.method = "GET", .path = "/luthier/v1/audit", .summary = "The log's head, its anchor, and the last verification", .tag = tag, .answer = audit_schema()}, none,
             [live](Context&) { return ok(live->audit.status()); });
  routes.add({.method = "POST", .path = "/luthier/v1/audit/verify", .summary = "Verify the whole log in the background", .tag = tag, .answer = audit_schema(), .success = 202,
              .errors = {403}, .body_required = false}, none, auth::Action::administer, [live](Context&) {
               live->audit.start();
               return answer(202, live->audit.status());
             });
}

}  // namespace luthier::api
