#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateWorkspace&, const Limits&);
Decision decide(const World&, const Request&, const UpdateWorkspace&, const Limits&);
Decision decide(const World&, const Request&, const DeleteWorkspace&, const Limits&);
Decision decide(const World&, const Request&, const SetMember&, const Limits&);
Decision decide(const World&, const Request&, const RemoveMember&, const Limits&);

void evolve(World&, const Fact&, const WorkspaceCreated&);
void evolve(World&, const Fact&, const WorkspaceUpdated&);
void evolve(World&, const Fact&, const MemberSet&);
void evolve(World&, const Fact&, const MemberRemoved&);
void evolve(World&, const Fact&, const WorkspaceDeleteRequested&);
void evolve(World&, const Fact&, const WorkspaceDeleted&);

}  // namespace luthier::events
