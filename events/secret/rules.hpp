#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateSecret&, const Limits&);
Decision decide(const World&, const Request&, const UpdateSecret&, const Limits&);
Decision decide(const World&, const Request&, const DeleteSecret&, const Limits&);

void evolve(World&, const Fact&, const SecretCreated&);
void evolve(World&, const Fact&, const SecretUpdated&);
void evolve(World&, const Fact&, const SecretDeleted&);

}  // namespace luthier::events
