#include "events/worker/rules.hpp"

namespace luthier::events {

void evolve(World& world, const Fact& fact, const WorkerJoined& joined) {
  WorkerState& worker = world.workers[fact.name];
  if (worker.id.empty()) count_new(world, "worker", system_workspace);
  worker.draining = worker.draining && worker.incarnation == joined.incarnation;  // a new process takes tasks
  worker.id = fact.stream.id;
  worker.name = fact.name;
  worker.incarnation = joined.incarnation;
  worker.host = joined.host;
  worker.engine_version = joined.engine_version;
  worker.devices = joined.devices;
  worker.present = true;
}

void evolve(World& world, const Fact& fact, const WorkerDraining&) { world.workers.at(fact.name).draining = true; }

void evolve(World& world, const Fact& fact, const WorkerLost&) { world.workers.at(fact.name).present = false; }

}  // namespace luthier::events
