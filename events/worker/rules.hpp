#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const RegisterWorker&, const Limits&);
Decision decide(const World&, const Request&, const DrainWorker&, const Limits&);
Decision decide(const World&, const Request&, const LoseWorker&, const Limits&);

void evolve(World&, const Fact&, const WorkerJoined&);
void evolve(World&, const Fact&, const WorkerDraining&);
void evolve(World&, const Fact&, const WorkerLost&);

}  // namespace luthier::events
