#include <algorithm>

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
  const auto adapter = world.adapter_models.lower_bound({workspace, ""});  // of a model elsewhere
  if (adapter != world.adapter_models.end() && adapter->first.first == workspace) return title_of("adapter", adapter->first);
  if (const auto* fileset = first_in(world.filesets, workspace)) return title("fileset", fileset);
  if (const auto* secret = first_in(world.secrets, workspace)) return title("secret", secret);
  if (const auto* record = first_in(world.records, workspace)) return title("record", record);
  return "";
}

Result<const WorkspaceState*> target_workspace(const World& world, const Request& request) {
  const auto found = world.workspaces.find(request.name);
  if (found == world.workspaces.end() || (found->second.deleting && request.key.principal != "system"))
    return Error{ErrorCode::not_found, "workspace " + request.name + " not found", "name"};
  return &found->second;
}

constexpr std::size_t members_max = 10'000;

Result<void> check_roles(const std::vector<std::string>& roles) {
  if (roles.empty()) return invalid("data.roles: at least one of Viewer, Editor, Admin is needed", "data.roles");
  for (const auto& role : roles)
    if (role != "Viewer" && role != "Editor" && role != "Admin")
      return invalid("data.roles: \"" + role.substr(0, 100) + "\" is no role; Viewer, Editor and Admin are", "data.roles");
  return {};
}

bool is_admin(const std::vector<std::string>& roles) { return std::find(roles.begin(), roles.end(), "Admin") != roles.end(); }

bool is_last_admin(const WorkspaceState& workspace, const std::string& principal) {
  const auto found = workspace.members.find(principal);
  if (found == workspace.members.end() || !is_admin(found->second)) return false;
  return std::count_if(workspace.members.begin(), workspace.members.end(), [](const auto& member) { return is_admin(member.second); }) == 1;
}

Error last_admin(const std::string& workspace, const std::string& principal) {
  return conflict("workspace " + workspace + " would be left without an Admin; make somebody else one before " + principal + " leaves", "data.principal");
}

}  // namespace

Decision decide(const World& world, const Request& request, const CreateWorkspace& create, const Limits& limits) {
  if (request.name == system_workspace) return conflict("workspace system exists always", "name");
  if (auto ok = check_new_name(world, "workspace", system_workspace, request.name, "name", limits); !ok) return ok.error();
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  return Facts{opening_fact(request, system_workspace, request.name, WorkspaceCreated{create.description})};
}

Decision decide(const World& world, const Request& request, const UpdateWorkspace& update, const Limits& limits) {
  const auto found = target_workspace(world, request);
  if (!found) return found.error();
  if (auto ok = check_description(update.description, limits); !ok) return ok.error();
  if ((*found)->description == update.description) return Facts{};
  return Facts{fact_of(**found, WorkspaceUpdated{update.description})};
}

Decision decide(const World& world, const Request& request, const DeleteWorkspace& remove, const Limits&) {
  if (request.name == system_workspace) return conflict("workspace system exists always", "name");
  const auto found = target_workspace(world, request);
  if (!found) return found.error();
  const auto inhabitant = first_inhabitant(world, request.name);
  if (inhabitant.empty()) return Facts{fact_of(**found, WorkspaceDeleted{})};
  if (remove.cascade && !(*found)->deleting) return Facts{fact_of(**found, WorkspaceDeleteRequested{})};
  return conflict("workspace " + request.name + " still has " + inhabitant, "name");
}

Decision decide(const World& world, const Request& request, const SetMember& set, const Limits& limits) {
  const auto found = target_workspace(world, request);
  if (!found) return found.error();
  const WorkspaceState& workspace = **found;
  if (set.principal.empty() || set.principal.size() > 255)
    return invalid("data.principal: 1 to 255 bytes are needed", "data.principal");
  if (auto ok = check_roles(set.roles); !ok) return ok.error();
  const auto present = workspace.members.find(set.principal);
  if (present != workspace.members.end() && present->second == set.roles) return Facts{};
  if (present == workspace.members.end() && workspace.members.size() >= members_max)
    return Error{ErrorCode::limit, "workspace " + workspace.name + " has " + std::to_string(members_max) + " members, which is the most", "data.principal"};
  if (!is_admin(set.roles) && is_last_admin(workspace, set.principal)) return last_admin(workspace.name, set.principal);
  (void)limits;
  return Facts{fact_of(workspace, MemberSet{set.principal, set.roles})};
}

Decision decide(const World& world, const Request& request, const RemoveMember& remove, const Limits& limits) {
  const auto found = target_workspace(world, request);
  if (!found) return found.error();
  if (!(*found)->members.contains(remove.principal))
    return Error{ErrorCode::not_found, "member " + readable(remove.principal, limits) + " of workspace " + request.name + " not found", "data.principal"};
  if (is_last_admin(**found, remove.principal)) return last_admin(request.name, remove.principal);
  return Facts{fact_of(**found, MemberRemoved{remove.principal})};
}

}  // namespace luthier::events
