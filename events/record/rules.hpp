#pragma once

#include "events/record/key.hpp"
#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateRecord&, const Limits&);
Decision decide(const World&, const Request&, const UpdateRecord&, const Limits&);
Decision decide(const World&, const Request&, const DeleteRecord&, const Limits&);

void evolve(World&, const Fact&, const RecordCreated&);
void evolve(World&, const Fact&, const RecordUpdated&);
void evolve(World&, const Fact&, const RecordRenamed&);
void evolve(World&, const Fact&, const RecordDeleted&);

}  // namespace luthier::events
