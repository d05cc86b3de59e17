#include <iterator>

#include "events/workspace/rules.hpp"

namespace luthier::events {

void evolve(World& world, const Fact& fact, const WorkspaceCreated& created) {
  world.workspaces[fact.name] = {.id = fact.stream.id, .name = fact.name, .description = created.description};
  count_new(world, "workspace", system_workspace);
}

void evolve(World& world, const Fact& fact, const WorkspaceDeleted&) {
  const auto first = world.jobs.lower_bound({fact.name, ""});
  auto last = first;
  while (last != world.jobs.end() && last->first.first == fact.name) ++last;
  count_gone(world, "job", fact.name, static_cast<std::size_t>(std::distance(first, last)));
  world.jobs.erase(first, last);
  world.workspaces.erase(fact.name);
  count_gone(world, "workspace", system_workspace);
}

}  // namespace luthier::events
