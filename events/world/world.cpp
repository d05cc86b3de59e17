#include "events/world/world.hpp"

#include "events/world/names.hpp"

namespace luthier::events {
namespace {

template <class Key, class State>
std::optional<std::pair<StreamKey, Version>> stream_in(const std::map<Key, State>& entities, const Key& key,
                                                       const std::string& entity) {
  const auto found = entities.find(key);
  if (found == entities.end()) return std::nullopt;
  return std::pair(StreamKey{entity, found->second.id}, found->second.version);
}

}  // namespace

bool is_terminal(JobPhase phase) {
  return phase == JobPhase::completed || phase == JobPhase::failed || phase == JobPhase::cancelled;
}

bool holds_device(JobPhase phase) {
  return phase == JobPhase::placed || phase == JobPhase::active || phase == JobPhase::cancelling || phase == JobPhase::pausing;
}

bool holds_device(DeploymentPhase phase) {
  return phase == DeploymentPhase::placed || phase == DeploymentPhase::ready || phase == DeploymentPhase::deleting;
}

std::string_view to_string(JobPhase phase) {
  switch (phase) {
    case JobPhase::checking: return "checking";
    case JobPhase::queued: return "queued";
    case JobPhase::placed: return "placed";
    case JobPhase::active: return "active";
    case JobPhase::cancelling: return "cancelling";
    case JobPhase::pausing: return "pausing";
    case JobPhase::paused: return "paused";
    case JobPhase::completed: return "completed";
    case JobPhase::failed: return "failed";
    case JobPhase::cancelled: return "cancelled";
  }
  return "";
}

std::string_view to_string(DeploymentPhase phase) {
  switch (phase) {
    case DeploymentPhase::pending: return "pending";
    case DeploymentPhase::placed: return "placed";
    case DeploymentPhase::ready: return "ready";
    case DeploymentPhase::failed: return "failed";
    case DeploymentPhase::deleting: return "deleting";
  }
  return "";
}

std::optional<std::pair<StreamKey, Version>> World::stream_of(const std::string& entity, const std::string& workspace,
                                                              const std::string& name) const {
  const Name key{workspace, name};
  if (entity == "fileset") return stream_in(filesets, key, entity);
  if (entity == "model") return stream_in(models, key, entity);
  if (entity == "job") return stream_in(jobs, key, entity);
  if (entity == "deployment") return stream_in(deployments, key, entity);
  if (entity == "secret") return stream_in(secrets, key, entity);
  if (entity == "record") return stream_in(records, key, entity);
  if (entity == "platform_job") return stream_in(platform_jobs, key, entity);
  if (workspace != "system") return std::nullopt;
  if (entity == "workspace") return stream_in(workspaces, name, entity);
  if (entity == "worker") return stream_in(workers, name, entity);
  return std::nullopt;
}

Version World::version_before(const Fact& fact) const {
  const auto stream = stream_of(fact.stream.entity, fact.workspace, fact.name);
  return stream && stream->first == fact.stream ? stream->second : 0;
}

std::string served_name(const std::string& workspace, const std::string& adapter) {
  const auto slash = adapter.find('/');
  if (slash == adapter.npos) return workspace + "--" + adapter;
  return adapter.substr(0, slash) + "--" + adapter.substr(slash + 1);
}

std::optional<World::Name> parse_reference(const std::string& reference, const std::string& workspace) {
  const auto slash = reference.find('/');
  World::Name name = slash == reference.npos ? World::Name{workspace, reference}
                                             : World::Name{reference.substr(0, slash), reference.substr(slash + 1)};
  if (!is_name(name.first) || !is_name(name.second)) return std::nullopt;
  return name;
}

std::string short_reference(const World::Name& name, const std::string& workspace) {
  return name.first == workspace ? name.second : name.first + "/" + name.second;
}

}  // namespace luthier::events
