#include "actors/core/query.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/bus/subjects.hpp"
#include "actors/core/receipt_json.hpp"
#include "projections/history.hpp"
#include "projections/projections.hpp"

namespace luthier::core {
namespace {

using nlohmann::ordered_json;
constexpr std::size_t payload_bytes_max = 64 * 1024;
constexpr std::size_t limit_max = 1000;

Result<void> read_text_member(const ordered_json& body, const char* name, std::string& into) {
  const auto member = body.find(name);
  if (member == body.end() || member->is_null()) return {};
  if (!member->is_string()) return invalid(std::string(name) + " must be a string", name);
  into = member->get<std::string>();
  return {};
}

template <class Number>
Result<void> read_number(const ordered_json& body, const char* name, Number& into) {
  const auto member = body.find(name);
  if (member == body.end() || member->is_null()) return {};
  if (!member->is_number_unsigned()) return invalid(std::string(name) + " must be a whole number from 0", name);
  into = member->get<Number>();
  return {};
}

// A position (as a number or in digits) or a time.
Result<void> read_at(const ordered_json& body, std::string& at) {
  const auto member = body.find("at");
  if (member != body.end() && member->is_number_unsigned()) {
    at = std::to_string(member->get<Position>());
    return {};
  }
  return read_text_member(body, "at", at);
}

Result<Position> resolve_at(const std::string& at, const log::EventLog& log) {
  const bool is_number = std::all_of(at.begin(), at.end(), [](char c) { return c >= '0' && c <= '9'; }) && at.size() < 19;
  if (!is_number) {
    const auto time = parse_time(at);
    if (!time) return invalid("at must be a position or a time such as 2026-11-23T20:15:04Z", "at");
    return log.position_at(*time);
  }
  const auto position = std::stoll(at);
  if (position > log.head().position)
    return invalid("at " + at + " is after the log's end, " + std::to_string(log.head().position), "at");
  return position;
}

// Rows and events are JSON already: they are put together as text, not parsed again.
std::string array_of(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += item;
  }
  return text + "]";
}

std::string page(Position position, const std::vector<std::string>& items, const ordered_json& next) {
  return "{\"position\":" + std::to_string(position) + ",\"items\":" + array_of(items) + ",\"next\":" + next.dump() + "}";
}

Result<std::string> get(const Query& query, const projections::ReadModels& models) {
  const auto row = models.get(query.entity, query.workspace, query.name);
  if (!row) return row.error();
  if (!*row) return Error{ErrorCode::not_found, query.entity + " " + query.workspace + "/" + query.name + " does not exist", "name"};
  return "{\"position\":" + std::to_string(models.position()) + ",\"item\":" + **row + "}";
}

Result<std::string> list(const Query& query, const projections::ReadModels& models) {
  const auto rows = models.list(query.entity, query.workspace, query.after, query.limit);
  if (!rows) return rows.error();
  return page(models.position(), rows->items, rows->next ? ordered_json(*rows->next) : ordered_json(nullptr));
}

Result<std::string> history(const Query& query, const log::EventLog& log) {
  const auto events = projections::history(log, {query.entity, query.workspace, query.name, query.from, query.limit});
  if (!events) return events.error();
  return page(log.head().position, events->events, events->next ? ordered_json(std::to_string(events->next)) : ordered_json(nullptr));
}

Result<std::string> read_log(const Query& query, const log::EventLog& log) {
  const auto records = log.read(std::max<Position>(1, query.from), query.limit);
  if (!records) return records.error();
  std::vector<std::string> items;
  for (const auto& record : *records) items.push_back(projections::to_cloud_event(record));
  const auto next = records->size() == query.limit ? ordered_json(std::to_string(records->back().position + 1)) : ordered_json(nullptr);
  return page(log.head().position, items, next);
}

Result<std::string> run_on(const Query& query, const projections::ReadModels& models, const log::EventLog& log) {
  if (query.entity == "log" && query.verb == "read") return read_log(query, log);
  if (query.entity == "server" && query.verb == "status")
    return ordered_json{{"position", models.position()},
                        {"item", {{"log_position", log.head().position}, {"log_hash", log.head().hash},
                                  {"projected_position", models.position()}}}}.dump();
  if (query.verb == "get") return get(query, models);
  if (query.verb == "list") return list(query, models);
  if (query.verb == "history") return history(query, log);
  return invalid("there is no query " + query.verb + " of " + query.entity + "; there are get, list and history", "verb");
}

void say_why(ordered_json& job, const std::map<std::string, std::string>& waiting) {
  if (const auto why = waiting.find(job.value("id", "")); why != waiting.end()) job["waiting_for"] = why->second;
}

Result<std::string> with_reasons(const Result<std::string>& answer, const std::map<std::string, std::string>& waiting) {
  if (!answer) return answer;
  auto json = ordered_json::parse(*answer);
  if (json.contains("item")) say_why(json["item"], waiting);
  else for (auto& job : json["items"]) say_why(job, waiting);
  return json.dump();
}

Result<std::string> run(const Query& query, const projections::ReadModels& now, const log::EventLog& log,
                        const std::map<std::string, std::string>& waiting) {
  const bool shows_jobs = query.entity == "job" && (query.verb == "get" || query.verb == "list");
  if (query.at.empty()) return shows_jobs && !waiting.empty() ? with_reasons(run_on(query, now, log), waiting) : run_on(query, now, log);
  const auto position = resolve_at(query.at, log);
  if (!position) return position.error();
  const auto then = projections::read_models_at(log, *position);
  if (!then) return then.error();
  return run_on(query, **then, log);
}

}  // namespace

Result<Query> parse_query(const bus::Message& message) {
  const auto tokens = bus::parse_subject(message.subject);
  if (!tokens || tokens->size() != 4) return invalid("the subject is not luthier.v1.qry.<workspace>.<entity>.<verb>");
  if (message.payload.size() > payload_bytes_max) return Error{ErrorCode::limit, "a query has at most 64 KiB", ""};
  Query query{(*tokens)[1], (*tokens)[2], (*tokens)[3], "", "", "", 100, 0, 1};
  if (message.payload.empty()) return query;
  const auto body = ordered_json::parse(message.payload, nullptr, false);
  if (!body.is_object()) return invalid("a query is a JSON object");
  for (auto [name, into] : {std::pair{"name", &query.name}, {"after", &query.after}})
    if (auto read = read_text_member(body, name, *into); !read) return read.error();
  if (auto read = read_at(body, query.at); !read) return read.error();
  for (auto [name, into] : {std::pair{"min_position", &query.min_position}, {"from", &query.from}})
    if (auto read = read_number(body, name, *into); !read) return read.error();
  if (auto read = read_number(body, "limit", query.limit); !read) return read.error();
  query.limit = std::clamp<std::size_t>(query.limit, 1, limit_max);
  return query;
}

std::string run_query(const Query& query, const projections::ReadModels& now, const log::EventLog& log,
                      const std::map<std::string, std::string>& waiting) {
  const auto answer = run(query, now, log, waiting);
  return answer ? *answer : error_json(answer.error());
}

}  // namespace luthier::core
