// The planners: pure, level-triggered comparisons of what is decided (the world) with what is seen (the fleet). Each gives
// the commands that bring the two together; nothing to do gives none, so that the system comes to rest from any start.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/core/fleet.hpp"
#include "actors/core/settings.hpp"
#include "events/world/world.hpp"

namespace luthier::core {

struct View {
  const events::World& world;
  Position applied;  // of the world: part of the ids of the commands planned on it
  const Fleet& fleet;
  Monotonic now;
  const Settings& settings;
};

// When an entity may be placed again, after attempts that ended badly: the back-off is the planner's memory, not a fact.
class Backoff {
 public:
  // True once the time for this many failures has passed; the first look at a new count starts it.
  bool allows(const std::string& entity_id, std::int64_t failures, Monotonic now, const Settings& settings);
  void forget(const std::string& entity_id);

 private:
  struct Since {
    std::int64_t failures;
    Monotonic at;
  };
  std::map<std::string, Since> since_;
};

// The worker has stopped the task only because it is leaving itself.
bool left_in_order(const worker::TaskReport& report);

// The job manager: reports of training attempts become commands; queued jobs are placed by priority, then age, on devices
// that no other attempt has.
std::vector<events::Request> plan_jobs(const View& view, Backoff& backoff);
// Why a queued job is not placed now; empty: nothing stands in its way.
std::string why_waiting(const View& view, const events::JobState& job);
std::map<std::string, std::string> why_waiting(const View& view);  // of all that wait, by their ids

// The reconciler: deployments are placed and replaced; adapters that are enabled get loaded, others unloaded.
std::vector<events::Request> plan_deployments(const View& view, Backoff& backoff);

// Workspaces that are to be deleted with all they have are emptied, piece by piece.
std::vector<events::Request> plan_workspaces(const View& view, Backoff& backoff);

}  // namespace luthier::core
