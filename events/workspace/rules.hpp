#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateWorkspace&, const Limits&);
Decision decide(const World&, const Request&, const DeleteWorkspace&, const Limits&);

void evolve(World&, const Fact&, const WorkspaceCreated&);
void evolve(World&, const Fact&, const WorkspaceDeleted&);

}  // namespace luthier::events
