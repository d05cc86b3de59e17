// The rows of an entity as they are, and as they were at any past position.
#include <algorithm>

#include "actors/api/live.hpp"
#include "actors/api/log_view.hpp"
#include "actors/rest/query_fields.hpp"

namespace luthier::api {

using namespace rest;

namespace {

constexpr std::size_t rows_max = 1000;

// Secrets and files are not among them: the one are nobody's to look at, the others are too many.
const std::vector<std::string>& state_entities() {
  static const std::vector<std::string> all{"workspace", "fileset_head", "model", "adapter", "job", "deployment", "worker"};
  return all;
}

Result<Position> position_of(const Json& query, const log::EventLog& log, Position readable) {
  const auto* at = find_member(query, "at");
  if (!at) return readable;
  const auto& text = at->get_ref<const std::string&>();
  if (text.size() >= 19 || text.find_first_not_of("0123456789") != text.npos) {
    const auto time = parse_time(text);
    if (!time) return invalid("at: a position is needed, or a time such as 2026-11-23T20:15:04Z", "at");
    const auto position = log.position_at(*time);
    return position ? std::min(*position, readable) : position;
  }
  const Position position = std::stoll(text);
  if (position > readable) return invalid("at: the log ends at position " + std::to_string(readable), "at");
  return position;
}

Result<Timestamp> time_of(const log::EventLog& log, Position position) {
  if (position == 0) return Timestamp(0);
  const auto record = log.read(position, 1);
  if (!record) return record.error();
  return record->empty() ? Timestamp(0) : record->front().time;
}

// One workspace's rows; or, with "-", those of every workspace that was there then and may be seen.
struct Rows {
  std::vector<std::string> items;
  std::optional<std::string> next;  // the name to go on after, in one workspace
};

Result<Rows> rows_of(const projections::ReadModels& models, const std::string& entity, const std::string& workspace, const Json& query) {
  auto page = models.list(entity, workspace, query["after"].get<std::string>(), query["limit"].get<std::size_t>());
  if (!page) return page.error();
  return Rows{std::move(page->items), std::move(page->next)};
}

// Rows of workspaces that the caller may not see are left out; so is what was there before a workspace of this name was the caller's.
Result<Rows> workspaces_of(const Context& context, const projections::ReadModels& models, const Json& query, Timestamp time) {
  auto rows = rows_of(models, "workspace", "system", query);
  if (!rows) return rows;
  LogView view(context);
  std::erase_if(rows->items, [&](const std::string& row) { return view.seen_from(text_or_empty(Json::parse(row, nullptr, false), "name")) > time; });
  return rows;
}

Result<Rows> rows_everywhere(const Context& context, const projections::ReadModels& models, const std::string& entity, const Json& query, Timestamp time) {
  const auto workspaces = workspaces_of(context, models, {{"after", ""}, {"limit", rows_max}}, time);
  if (!workspaces) return workspaces;
  const auto limit = query["limit"].get<std::size_t>();
  Rows all;
  for (const auto& workspace : workspaces->items) {
    if (all.items.size() == limit) break;
    const auto rows = rows_of(models, entity, text_or_empty(Json::parse(workspace, nullptr, false), "name"), {{"after", ""}, {"limit", limit - all.items.size()}});
    if (!rows) return rows;
    all.items.insert(all.items.end(), rows->items.begin(), rows->items.end());
  }
  return all;
}

bool is_kept_in_system(const std::string& entity) { return entity == "workspace" || entity == "worker"; }

}  // namespace

std::vector<QueryField> state_fields() {
  return {{maybe("at", text().length(1, 40)), "A position, or a time such as 2026-11-23T20:15:04Z; now when it is left out."},
          {optional("after", text(), ""), "The name after which rows are listed."},
          {optional("limit", integer().at_least(1).at_most(rows_max), rows_max), "At most so many rows."}};
}

Answer show_state(Context& context, Live& live) {
  const auto read = read_query(context.query, state_fields());
  if (const auto* refusal = std::get_if<Answer>(&read)) return *refusal;
  const auto& query = std::get<Json>(read);
  const auto& entity = context.path["entity"];
  const auto& workspace = is_kept_in_system(entity) ? std::string("system") : context.workspace();
  if (const auto& all = state_entities(); std::find(all.begin(), all.end(), entity) == all.end())
    return detail(404, "there are no states of " + entity.substr(0, 100) + "; there are workspace, fileset_head, model, adapter, job, deployment and worker");
  const bool is_everywhere = workspace == "-" || entity == "workspace";  // of these each row is looked at by itself
  if (auto refusal = hidden(context, is_everywhere ? "" : workspace)) return *refusal;

  const auto& now = context.services.platform.read_models();
  const auto position = position_of(query, live.log, now.position());
  if (!position) return from_error(position.error());
  const auto time = time_of(live.log, *position);
  if (!time) return from_error(time.error());
  if (!is_everywhere && *time < LogView(context).seen_from(workspace))
    return detail(404, "workspace " + workspace + " was not there at position " + std::to_string(*position));

  std::shared_ptr<const projections::ReadModels> past;
  if (*position < now.position()) {
    auto folded = live.past.at(*position);
    if (!folded) return folded.error().code == ErrorCode::unavailable ? busy(folded.error().message) : from_error(folded.error());
    past = std::move(*folded);
  }
  const auto& models = past ? *past : now;
  const auto rows = entity == "workspace" ? workspaces_of(context, models, query, *time)
                    : is_everywhere       ? rows_everywhere(context, models, entity, query, *time)
                                          : rows_of(models, entity, workspace, query);
  if (!rows) return from_error(rows.error());
  Answer answer;
  answer.body = "{\"position\":" + std::to_string(*position) + ",\"time\":" + (*time > 0 ? '"' + format_time(*time) + '"' : "null") +
                ",\"items\":" + array_of(rows->items) + ",\"next\":" + dump(rows->next ? Json(*rows->next) : Json(nullptr)) + "}";
  return answer;
}

}  // namespace luthier::api
