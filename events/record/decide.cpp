#include <algorithm>

#include "events/json/merge.hpp"
#include "events/record/rules.hpp"

namespace luthier::events {
namespace {

// "kind default/name", as people call it.
std::string title(const World::Name& name) {
  const auto key = parse_record_key(name.second);
  return key ? title_of(key->kind, {name.first, key->name}) : title_of("record", name);
}

Result<void> check_new_key(const World& world, const std::string& workspace, const std::string& key, const Limits& limits) {
  const auto parsed = parse_record_key(key);
  if (!parsed)
    return invalid("name: \"<kind>:<parent id or nothing>:<name>\" is needed, where a name has 2 to 63 characters of a-z 0-9 - @ . + _, "
                   "starts with a letter, has no -- and no - at its end", "name");
  if (world.records.contains({workspace, key})) return conflict(title({workspace, key}) + " already exists", "name");
  if (!parsed->parent.empty() && !world.record_ids.contains(parsed->parent))
    return invalid("parent " + parsed->parent + " does not exist", "data.parent");
  const auto count = world.entity_counts.find({"record", workspace});
  if (count != world.entity_counts.end() && count->second >= limits.entities_per_workspace_max)
    return Error{ErrorCode::limit, "workspace " + workspace + " has " + std::to_string(count->second) + " records, which is the most", "name"};
  return {};
}

// A project is a label, and one that exists.
Result<void> check_project(const World& world, const std::string& workspace, const std::string& project) {
  if (project.empty() || world.records.contains({workspace, RecordKey{"project", "", project}.text()})) return {};
  return invalid("project " + project + " does not exist", "data.project");
}

Result<JsonText> checked_data(const JsonText& data, const Limits& limits) {
  const json::Bounds bounds{.bytes_max = limits.document_bytes_max, .depth_max = limits.document_depth_max};
  auto canonical = json::canonical(data.text, bounds);
  if (!canonical) return invalid("data.data: " + canonical.error().message, "data.data");
  if (!canonical->text.starts_with('{')) return invalid("data.data: an object is needed", "data.data");
  return canonical;
}

void delete_below(const World& world, const std::string& id, Facts& facts) {
  const auto children = world.record_children.find(id);
  if (children == world.record_children.end()) return;
  for (const auto& name : children->second) {
    const RecordState& child = world.records.at(name);
    delete_below(world, child.id, facts);
    facts.push_back(fact_of(child, RecordDeleted{}));
  }
}

Result<const RecordState*> target_record(const World& world, const Request& request) {
  const World::Name name{request.key.workspace, request.name};
  if (const RecordState* found = find(world.records, name)) return found;
  return Error{ErrorCode::not_found, title(name) + " not found", "name"};
}

}  // namespace

Decision decide(const World& world, const Request& request, const CreateRecord& create, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_key(world, workspace, request.name, limits); !ok) return ok.error();
  if (auto ok = check_project(world, workspace, create.project); !ok) return ok.error();
  auto data = checked_data(create.data, limits);
  if (!data) return data.error();
  std::string prefix = parse_record_key(request.name)->kind;
  if (prefix.starts_with("entity.")) prefix.erase(0, 7);
  std::replace(prefix.begin(), prefix.end(), '_', '-');
  return Facts{{{"record", derive_entity_id(prefix, request.key)}, workspace, request.name, RecordCreated{create.project, std::move(*data)}}};
}

Decision decide(const World& world, const Request& request, const UpdateRecord& update, const Limits& limits) {
  const auto found = target_record(world, request);
  if (!found) return found.error();
  const RecordState& record = **found;
  RecordUpdated updated{update.project.value_or(record.project), record.data};
  if (updated.project != record.project)
    if (auto ok = check_project(world, record.workspace, updated.project); !ok) return ok.error();
  for (const auto& [text, merges] : {std::pair{update.data, false}, {update.patch, true}}) {
    if (!text) continue;
    auto data = checked_data(*text, limits);
    if (data && merges) data = json::merge_patch(updated.data, *data);
    if (data) data = checked_data(*data, limits);
    if (!data) return data.error();
    updated.data = std::move(*data);
  }
  Facts facts;
  // An update that asks for data is one, whether the data differs or not: its version counts updates.
  if (update.data || update.patch || updated.project != record.project) facts.push_back(fact_of(record, std::move(updated)));
  if (update.rename) {
    auto key = *parse_record_key(record.name);
    key.name = *update.rename;
    if (key.text() == record.name) return facts;
    if (auto ok = check_new_key(world, record.workspace, key.text(), limits); !ok) return ok.error();
    facts.push_back(fact_of(record, RecordRenamed{key.text()}));
  }
  return facts;
}

Decision decide(const World& world, const Request& request, const DeleteRecord&, const Limits&) {
  const auto found = target_record(world, request);
  if (!found) return found.error();
  Facts facts;
  delete_below(world, (*found)->id, facts);
  facts.push_back(fact_of(**found, RecordDeleted{}));
  return facts;
}

}  // namespace luthier::events
