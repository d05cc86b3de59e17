#include <iterator>

#include "events/workspace/rules.hpp"

namespace luthier::events {

void evolve(World& world, const Fact& fact, const WorkspaceCreated& created) {
  world.workspaces[fact.name] = {.id = fact.stream.id, .name = fact.name, .description = created.description};
  count_new(world, "workspace", system_workspace);
}

void evolve(World& world, const Fact& fact, const WorkspaceUpdated& updated) {
  world.workspaces.at(fact.name).description = updated.description;
}

void evolve(World& world, const Fact& fact, const MemberSet& set) { world.workspaces.at(fact.name).members[set.principal] = set.roles; }

void evolve(World& world, const Fact& fact, const MemberRemoved& removed) { world.workspaces.at(fact.name).members.erase(removed.principal); }

void evolve(World& world, const Fact& fact, const WorkspaceDeleteRequested&) { world.workspaces.at(fact.name).deleting = true; }

namespace {

// Jobs that have ended, and platform jobs, which nobody runs here, go with their workspace.
template <class State>
void erase_all(World& world, std::map<World::Name, State>& entities, const std::string& entity, const std::string& workspace) {
  const auto first = entities.lower_bound({workspace, ""});
  auto last = first;
  while (last != entities.end() && last->first.first == workspace) ++last;
  count_gone(world, entity, workspace, static_cast<std::size_t>(std::distance(first, last)));
  entities.erase(first, last);
}

}  // namespace

void evolve(World& world, const Fact& fact, const WorkspaceDeleted&) {
  erase_all(world, world.jobs, "job", fact.name);
  erase_all(world, world.platform_jobs, "platform_job", fact.name);
  world.workspaces.erase(fact.name);
  count_gone(world, "workspace", system_workspace);
}

}  // namespace luthier::events
