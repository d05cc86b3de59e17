#include "actors/core/control_plane.hpp"

#include <caf/all.hpp>

#include "actors/core/checker_actor.hpp"
#include "actors/core/entity_actor.hpp"
#include "actors/core/fleet_actor.hpp"
#include "actors/core/inspector_actor.hpp"
#include "actors/core/intake_actor.hpp"
#include "actors/core/log_actor.hpp"
#include "actors/core/messages.hpp"
#include "actors/core/planner_actor.hpp"
#include "actors/core/preparer_actor.hpp"
#include "actors/core/projector_actor.hpp"
#include "actors/core/publisher_actor.hpp"
#include "actors/core/query_actor.hpp"
#include "actors/core/supervisor_actor.hpp"
#include "actors/core/waiting_reasons.hpp"
#include "actors/worker/spawn_mode.hpp"

namespace luthier::core {
namespace {

// The pair that holds state which only the disk can give back is spawned once, before the others; the supervisor watches
// it, and its end is the node's.
struct Truth {
  caf::actor checker, log, entity;
};

Truth spawn_truth(caf::actor_system& system, const Doors& doors, Follower follower, const Settings& settings, SpawnMode mode) {
  Truth truth;
  truth.checker = spawn_blocking(system, mode, checker_actor, doors.checker);
  truth.log = spawn_blocking(system, mode, log_actor, doors.log, doors.clock, settings);
  truth.entity = spawn_blocking(system, mode, entity_actor, static_cast<const log::EventLog*>(doors.log), std::move(follower),
                                truth.log, truth.checker, settings);
  return truth;
}

std::vector<Child> children_of(caf::actor_system& system, const Doors& doors, const Signals& signals, const Truth& truth,
                               const Settings& settings, SpawnMode mode) {
  const log::EventLog* log = doors.log;
  const auto waiting = std::make_shared<WaitingReasons>();
  const Plan job_manager = [waiting](const View& view, Backoff& backoff) {
    waiting->set(why_waiting(view));
    return plan_jobs(view, backoff);
  };
  const auto blocking = [&system, mode](auto function, auto... arguments) {
    return [&system, mode, function, arguments...] { return spawn_blocking(system, mode, function, arguments...); };
  };
  std::vector<Child> children{
      {"log", [actor = truth.log] { return actor; }, true},
      {"checker", [actor = truth.checker] { return actor; }, true},
      {"entity", [actor = truth.entity] { return actor; }, true},
      {"projector", blocking(projector_actor, doors.projections, log, truth.log, signals.on_projected), false},
      {"query", blocking(query_actor, doors.bus, doors.projections, log, std::shared_ptr<const WaitingReasons>(waiting), settings), false},
      {"publisher", blocking(publisher_actor, doors.bus, log, truth.log, signals.warn, settings), false},
      {"inspector", blocking(inspector_actor, doors.checker, log, truth.log, truth.entity, settings), false},
  };
  if (doors.preparer)
    children.push_back({"preparer", blocking(preparer_actor, doors.preparer, log, truth.log, truth.entity, settings), false});
  children.push_back({"janitor", blocking(planner_actor, doors.bus, log, truth.log, truth.entity, Plan(plan_workspaces), settings), false});
  if (settings.controllers) {
    children.push_back({"fleet", blocking(fleet_actor, doors.bus, log, truth.log, truth.entity, settings), false});
    children.push_back({"jobs", blocking(planner_actor, doors.bus, log, truth.log, truth.entity, job_manager, settings), false});
    children.push_back({"reconciler", blocking(planner_actor, doors.bus, log, truth.log, truth.entity, Plan(plan_deployments), settings), false});
  }
  children.push_back({"intake", blocking(intake_actor, doors.bus, truth.entity, signals.warn, settings), false});
  return children;
}

}  // namespace

Result<std::unique_ptr<ControlPlane>> ControlPlane::start(caf::actor_system& system, Doors doors, Signals signals,
                                                          Settings settings, SpawnMode mode) {
  auto follower = load(*doors.log);
  if (!follower) return follower.error();
  std::unique_ptr<ControlPlane> plane(new ControlPlane);
  const auto truth = spawn_truth(system, doors, std::move(*follower), settings, mode);
  plane->entity_ = truth.entity;
  const SupervisorEvents events{signals.warn, signals.on_fatal, [stopped = plane->on_stopped_] {
                                  if (*stopped) (*stopped)();
                                }};
  plane->supervisor_ =
      system.spawn(supervisor_actor, children_of(system, doors, signals, truth, settings, mode), events, settings);
  return plane;
}

void ControlPlane::stop(std::function<void()> stopped) {
  *on_stopped_ = std::move(stopped);
  caf::anon_send(supervisor_, Shutdown{});
}

}  // namespace luthier::core
