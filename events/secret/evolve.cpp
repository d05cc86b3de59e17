#include "events/secret/rules.hpp"

namespace luthier::events {

void evolve(World& world, const Fact& fact, const SecretCreated& created) {
  world.secrets[{fact.workspace, fact.name}] = {
      .id = fact.stream.id, .workspace = fact.workspace, .name = fact.name, .description = created.description, .sealed = created.sealed};
  count_new(world, "secret", fact.workspace);
}

void evolve(World& world, const Fact& fact, const SecretUpdated& updated) {
  SecretState& secret = subject(world.secrets, fact);
  secret.description = updated.description;
  secret.sealed = updated.sealed;
}

void evolve(World& world, const Fact& fact, const SecretDeleted&) {
  world.secrets.erase({fact.workspace, fact.name});
  count_gone(world, "secret", fact.workspace);
}

}  // namespace luthier::events
