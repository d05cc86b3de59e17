// The control plane as a whole: the actors between the bus and the log, started and supervised together. Everything that it
// touches comes in through the doors, so that production and simulation differ in them alone.
#pragma once

#include <caf/actor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "actors/bus/bus.hpp"
#include "actors/core/check.hpp"
#include "actors/core/settings.hpp"
#include "events/base/clock.hpp"
#include "events/log/event_log.hpp"

namespace luthier {
enum class SpawnMode;
namespace projections {
class Projections;
}
}  // namespace luthier

namespace luthier::core {

struct Commit;
class JobPreparer;

struct Doors {  // all outlive the control plane
  log::EventLog* log = nullptr;
  projections::Projections* projections = nullptr;
  bus::Bus* bus = nullptr;
  const Clock* clock = nullptr;
  Checker* checker = nullptr;
  JobPreparer* preparer = nullptr;  // null: submitted jobs are not prepared
};

struct Signals {  // called from actor threads; they must not block
  std::function<void(std::string)> warn;
  std::function<void(std::string)> on_fatal;  // the node must end: its next start reads everything from disk
  std::function<void(const Commit&)> on_projected = nullptr;  // these events are in the rows of the read models now
};

class ControlPlane {
 public:
  // Fails when the log cannot be folded.
  static Result<std::unique_ptr<ControlPlane>> start(caf::actor_system& system, Doors doors, Signals signals,
                                                     Settings settings, SpawnMode mode);

  // Takes commands without the bus: the server's own. Answered with an Outcome.
  const caf::actor& entity() const { return entity_; }

  // Ends the actors in order, and then calls `stopped`; nothing is in flight any more.
  void stop(std::function<void()> stopped);

 private:
  ControlPlane() = default;
  caf::actor entity_, supervisor_;
  std::shared_ptr<std::function<void()>> on_stopped_ = std::make_shared<std::function<void()>>();
};

}  // namespace luthier::core
