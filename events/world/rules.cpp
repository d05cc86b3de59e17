#include "events/world/rules.hpp"

#include <algorithm>

#include "events/json/merge.hpp"
#include "events/json/utf8.hpp"

namespace luthier::events {

Error conflict(std::string message, std::string field) {
  return {ErrorCode::conflict, std::move(message), std::move(field)};
}

std::string title_of(std::string_view entity, const World::Name& name) {
  return std::string(entity) + " " + name.first + "/" + name.second;
}

Error not_found(std::string_view entity, const std::string& workspace, const std::string& name) {
  return {ErrorCode::not_found, title_of(entity, {workspace, name}) + " not found", "name"};
}

Error unchecked(const std::string& member) {
  return {ErrorCode::internal, member + ": the command was not checked before it was decided", member};
}

bool workspace_exists(const World& world, const std::string& workspace) {
  if (workspace == system_workspace) return true;
  const auto found = world.workspaces.find(workspace);
  return found != world.workspaces.end() && !found->second.deleting;
}

void count_new(World& world, const std::string& entity, const std::string& workspace) {
  ++world.entity_counts[{entity, workspace}];
}

void count_gone(World& world, const std::string& entity, const std::string& workspace, std::size_t how_many) {
  const auto count = world.entity_counts.find({entity, workspace});
  if (count == world.entity_counts.end()) return;
  if ((count->second -= std::min(how_many, count->second)) == 0) world.entity_counts.erase(count);
}

Result<void> check_new_name(const World& world, const std::string& entity, const std::string& workspace,
                            const std::string& name, const std::string& field, const Limits& limits) {
  if (!is_name(name, limits.name_bytes_max))
    return invalid(field + ": a name has 2 to " + std::to_string(limits.name_bytes_max) +
                       " characters of a-z 0-9 - @ . + _, starts with a letter, has no -- and no - at its end", field);
  if (world.stream_of(entity, workspace, name)) return conflict(title_of(entity, {workspace, name}) + " already exists", field);
  const auto count = world.entity_counts.find({entity, workspace});
  if (count != world.entity_counts.end() && count->second >= limits.entities_per_workspace_max)
    return Error{ErrorCode::limit, "workspace " + workspace + " has " + std::to_string(count->second) + " entities of kind " +
                                       entity + ", which is the most", field};
  return {};
}

Result<void> check_description(const std::string& text, const Limits& limits) {
  if (text.size() > limits.description_bytes_max)
    return Error{ErrorCode::limit,
                 "data.description: has " + std::to_string(text.size()) + " bytes; at most " +
                     std::to_string(limits.description_bytes_max), "data.description"};
  if (!json::is_utf8(text)) return invalid("data.description: is not UTF-8", "data.description");
  return {};
}

std::string readable(const std::string& reason, const Limits& limits) {
  return json::repaired_utf8(reason, limits.description_bytes_max);
}

Result<JsonText> checked_details(const JsonText& details, const Limits& limits) {
  const json::Bounds bounds{.bytes_max = limits.document_bytes_max, .depth_max = limits.document_depth_max};
  auto canonical = json::canonical(details.text, bounds);
  if (!canonical) return invalid("data.details: " + canonical.error().message, "data.details");
  if (canonical->text == "null") return JsonText{"{}"};
  if (!canonical->text.starts_with('{')) return invalid("data.details: an object is needed", "data.details");
  return canonical;
}

Result<JsonText> patched_details(const JsonText& details, const std::optional<JsonText>& patch, const Limits& limits) {
  if (!patch) return details;
  const auto changes = checked_details(*patch, limits);
  if (!changes) return changes.error();
  const auto merged = json::merge_patch(details, *changes);
  if (!merged) return merged.error();
  return checked_details(*merged, limits);
}

Result<const FilesetState*> existing_fileset(const World& world, const std::string& reference, const std::string& workspace,
                                             const std::string& field) {
  const auto name = parse_reference(reference, workspace);
  if (!name) return invalid(field + ": \"" + reference + "\" is neither a name nor workspace/name", field);
  const FilesetState* fileset = find(world.filesets, *name);
  if (!fileset) return invalid(title_of("fileset", *name) + " not found: it does not exist", field);
  return fileset;
}

Result<const FilesetState*> filled_fileset(const World& world, const std::string& reference, const std::string& workspace,
                                           const std::string& field) {
  const auto fileset = existing_fileset(world, reference, workspace, field);
  if (!fileset) return fileset;
  if ((*fileset)->files.empty()) return invalid("fileset " + reference_to(**fileset) + " is empty; put files into it first", field);
  return fileset;
}

Result<const ModelState*> existing_model(const World& world, const std::string& reference, const std::string& workspace,
                                         const std::string& field) {
  const auto name = parse_reference(reference, workspace);
  if (!name) return invalid(field + ": \"" + reference + "\" is neither a name nor workspace/name", field);
  const ModelState* model = find(world.models, *name);
  if (!model) return invalid(title_of("model", *name) + " not found: it does not exist", field);
  return model;
}

Result<void> check_analysed(const World& world, const ModelState& model) {
  const auto fileset = parse_reference(model.fileset, model.workspace);
  const FilesetState* files = fileset ? find(world.filesets, *fileset) : nullptr;
  const std::string title = "model " + reference_to(model);
  if (model.fileset.empty()) return invalid(title + " has no fileset, and so nothing to train or to serve", "data.model");
  if (!files || model.spec_fileset_version != files->content_version)
    return conflict(title + " is not analysed yet; wait until it has a spec", "data.model");
  if (!model.spec_error.empty()) return invalid(title + " cannot be used: " + model.spec_error, "data.model");
  return {};
}

Result<void> check_attempt_sender(const Request& request, const std::string& worker) {
  if (request.key.principal == "system" || request.key.principal == "worker:" + worker) return {};
  return invalid("principal: the attempt belongs to worker " + worker, "principal");
}

Result<void> check_placing(const World& world, const std::string& worker, const std::string& incarnation,
                           const std::string& device) {
  const auto found = world.workers.find(worker);
  if (found == world.workers.end() || !found->second.present || found->second.incarnation != incarnation)
    return conflict("worker " + worker + " is not there as incarnation " + incarnation, "data.worker");
  const WorkerState& host = found->second;
  if (host.draining) return conflict("worker " + worker + " is draining", "data.worker");
  if (std::none_of(host.devices.begin(), host.devices.end(), [&](const Device& d) { return d.id == device; }))
    return conflict("worker " + worker + " has no device " + device, "data.device");
  return {};
}

const JobState* claiming_job(const World& world, const std::string& workspace, const std::string& output) {
  for (auto name = world.open_jobs.lower_bound({workspace, ""}); name != world.open_jobs.end() && name->first == workspace; ++name)
    if (const JobState& job = world.jobs.at(*name); job.output == output) return &job;
  return nullptr;
}

const JobState* claiming_job(const World& world, const std::string& workspace, const std::string& output,
                             const std::string& method) {
  const JobState* job = claiming_job(world, workspace, output);
  return job && job->method == method ? job : nullptr;
}

}  // namespace luthier::events
