#include "actors/api/log_view.hpp"

#include "projections/history.hpp"

namespace luthier::api {

using rest::Json;

const std::string& workspace_of(const log::Record& record) { return record.stream.entity == "workspace" ? record.name : record.workspace; }

bool LogView::shows(const log::Record& record) { return record.time >= seen_from(workspace_of(record)); }

Timestamp LogView::seen_from(const std::string& workspace) {
  const auto known = seen_from_.find(workspace);
  if (known != seen_from_.end()) return known->second;
  return seen_from_[workspace] = look_up(workspace);
}

Timestamp LogView::look_up(const std::string& workspace) const {
  if (auth::may(context_.caller, auth::Action::read, workspace, {})) return 0;
  if (!context_.sees_workspace(workspace)) return never;
  const auto document = context_.services.documents.get("workspace", "system", workspace);
  const auto made = document ? parse_time(text_or_empty(document->row, "created_at")) : Result<Timestamp>(never);
  return made ? *made : never;
}

std::string shown_event(const log::Record& record) {
  if (record.stream.entity != "secret") return projections::to_cloud_event(record);
  auto data = Json::parse(record.data, nullptr, false);
  if (data.is_object()) data.erase("sealed");
  log::Record shown = record;
  shown.data = data.is_object() ? rest::dump(data) : "{}";
  return projections::to_cloud_event(shown);
}

}  // namespace luthier::api
