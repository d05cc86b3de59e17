// Runners of jobs send their log lines to a fileset, and read them from there.
#include <algorithm>
#include <array>

#include "actors/api/answer_schema.hpp"
#include "actors/api/body_encoding.hpp"
#include "actors/api/files.hpp"
#include "actors/api/job_telemetry.hpp"
#include "actors/api/jobs.hpp"
#include "actors/api/jobs_logs.hpp"
#include "actors/api/jobs_otlp.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr std::size_t filters_max = 16;

std::optional<std::string> fileset_id(const Context& context) {
  const auto fileset = find_fileset(context, context.workspace(), context.path["name"]);
  return fileset ? std::optional(text_or_empty(fileset->row, "id")) : std::nullopt;
}

Answer take_logs(Context& context) {
  const auto id = fileset_id(context);
  if (!id) return no_fileset(context.workspace(), context.path["name"]);
  const auto& headers = context.exchange.request.headers;
  if (auto refusal = refuse_compressed(headers)) return *refusal;
  const auto* type = headers.find("Content-Type");
  const bool is_protobuf = type && type->find("protobuf") != std::string::npos;
  if (type && !is_protobuf && type->find("json") == std::string::npos)
    return detail(415, "the body must be application/json or application/x-protobuf");
  const auto text = context.exchange.body().read_all();
  if (!text)
    return text.error().code == ErrorCode::limit ? detail(413, "the body is too long; send fewer records at a time")
                                                 : detail(408, "the body did not arrive whole");
  const auto now = context.services.platform.now();
  const auto logs = is_protobuf ? read_otlp_protobuf(*text, now) : read_otlp_json(*text, now);
  if (!logs) return detail(400, is_protobuf ? "Invalid protobuf format" : "Invalid JSON format");
  if (context.services.telemetry) context.services.telemetry->add_logs(*id, logs->lines);
  if (logs->rejected == 0) return ok(Json::object());
  return ok({{"partialSuccess",
              {{"rejectedLogRecords", logs->rejected},
               {"errorMessage", "each record needs the attributes job, job_attempt, job_step and job_task"}}}});
}

// The names of columns outside, and those of a LogLine.
constexpr std::array<std::pair<const char*, const char*>, 7> columns{{{"workspace", ""},
                                                                     {"job", "job"},
                                                                     {"job_attempt", "attempt"},
                                                                     {"job_step", "step"},
                                                                     {"job_task", "task"},
                                                                     {"log_message", "message"},
                                                                     {"timestamp", "timestamp"}}};

bool may_be_a_name(const std::string& value) {
  return std::none_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == '\'' || c == '"' || c == ';' || c == '\\'; });
}

Answer invalid_filter(const std::string& why) { return detail(400, "Invalid filter: " + why); }

Schema query_schema() {
  return object({optional("filters", map_of(any()).items(0, filters_max)), optional("limit", integer().at_least(1).at_most(log_lines_max), 100),
                 optional("page_cursor", text())})
      .named("LogQuery");
}

// Of OpenTelemetry's own export requests no more than this is promised here: who sends them has their definition.
Schema export_schema() { return object({maybe("resourceLogs", list_of(map_of(any())).or_null())}).named("ExportLogsRequest"); }

Schema taken_schema() {
  const auto partial = object({required("rejectedLogRecords", integer().at_least(0)), required("errorMessage", text())});
  return object({maybe("partialSuccess", partial)}).named("ExportLogsResponse");
}

Answer find_logs(Context& context) {
  static const Schema schema = query_schema();
  const auto body = context.body(schema);
  if (const auto* refusal = std::get_if<Answer>(&body)) return *refusal;
  const auto id = fileset_id(context);
  if (!id) return no_fileset(context.workspace(), context.path["name"]);
  const auto& wish = std::get<Json>(body);
  const auto place = log_place(wish["limit"].get<std::int64_t>(), text_or_empty(wish, "page_cursor"));
  if (const auto* refusal = std::get_if<Answer>(&place)) return *refusal;
  const auto& at = std::get<LogPlace>(place);
  LogQuery query{{}, at.offset(), at.limit};
  bool is_elsewhere = !context.services.telemetry;
  if (wish["filters"].is_object())
    for (const auto& [name, given] : wish["filters"].items()) {
      const auto column = std::find_if(columns.begin(), columns.end(), [&](const auto& each) { return name == each.first; });
      if (column == columns.end()) return invalid_filter("there is no column " + name.substr(0, 100));
      if (given.is_structured() || given.is_null()) return invalid_filter(name + " needs a text");
      const auto value = given.is_string() ? given.get<std::string>() : dump(given);
      if (name != "log_message" && !may_be_a_name(value))
        return invalid_filter("the value of " + name + " has characters that no name has");
      if (*column->second) query.where.emplace_back(column->second, value);
      else is_elsewhere = is_elsewhere || value != context.workspace();
    }
  const auto page = is_elsewhere ? LogPage() : context.services.telemetry->logs(*id, query);
  Json rows = Json::array();
  for (const auto& line : page.lines)
    rows.push_back({{"timestamp", line.timestamp}, {"job", line.job}, {"job_step", line.step}, {"job_task", line.task},
                    {"message", line.message}});
  return ok(log_page(at, std::move(rows), page.total));
}

}  // namespace

void add_log_ingestion(Routes& routes) {
  const std::string logs = "/apis/files/v2/workspaces/{workspace}/filesets/{name}/otlp/v1/logs";
  routes.add({.method = "POST", .path = logs, .summary = "Take log records of a job", .tag = "files", .body = export_schema(), .answer = taken_schema(),
              .description = "As application/x-protobuf as well."},
             WorkspaceRule::read, auth::Action::write, take_logs);
  routes.add({.method = "POST", .path = logs + "/query", .summary = "Read log records", .tag = "files", .body = query_schema(), .answer = log_lines_schema()}, WorkspaceRule::read,
             auth::Action::read, find_logs);
}

}  // namespace luthier::api
