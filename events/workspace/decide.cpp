#include "events/workspace/rules.hpp"

namespace luthier::events {
namespace {

template <class State>
const State* first_in(const std::map<World::Name, State>& entities, const std::string& workspace) {
  const auto found = entities.lower_bound({workspace, ""});
  return found != entities.end() && found->first.first == workspace ? &found->second : nullptr;
}

// What still lives there; empty when nothing does. Jobs that have ended go with their workspace.
std::string first_inhabitant(const World& world, const std::string& workspace) {
  const auto title = [](std::string_view entity, const auto* state) { return std::string(entity) + " " + reference_to(*state); };
  if (const auto* deployment = first_in(world.deployments, workspace)) return title("deployment", deployment);
  const auto job = world.open_jobs.lower_bound({workspace, ""});
  if (job != world.open_jobs.end() && job->first == workspace) return title_of("job", *job);
  if (const auto* model = first_in(world.models, workspace)) return title("model", model);
  if (const auto* fileset = first_in(world.filesets, workspace)) return title("fileset", fileset);
  return "";
}

}  // namespace

Decision decide(const World& world, const Request& request, const CreateWorkspace& create, const Limits& limits) {
  if (request.name == system_workspace) return conflict("workspace system exists always", "name");
  if (auto ok = check_new_name(world, "workspace", system_workspace, request.name, "name", limits); !ok) return ok.error();
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  return Facts{opening_fact(request, system_workspace, request.name, WorkspaceCreated{create.description})};
}

Decision decide(const World& world, const Request& request, const DeleteWorkspace&, const Limits&) {
  if (request.name == system_workspace) return conflict("workspace system exists always", "name");
  const auto found = world.workspaces.find(request.name);
  if (found == world.workspaces.end())
    return Error{ErrorCode::not_found, "workspace " + request.name + " not found", "name"};
  if (const auto inhabitant = first_inhabitant(world, request.name); !inhabitant.empty())
    return conflict("workspace " + request.name + " still has " + inhabitant, "name");
  return Facts{fact_of(found->second, WorkspaceDeleted{})};
}

}  // namespace luthier::events
