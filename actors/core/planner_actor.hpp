// The shell of a planner: it follows the log and the beats, and when either has news (or time has passed) asks its pure plan
// for commands and has them decided. One round at a time: a plan is made on what the last one led to.
#pragma once

#include <caf/fwd.hpp>
#include <functional>
#include <vector>

#include "actors/bus/bus.hpp"
#include "actors/core/follower.hpp"
#include "actors/core/plan.hpp"

namespace luthier::core {

using Plan = std::function<std::vector<events::Request>(const View&, Backoff&)>;

// The job actor is this with plan_jobs, the reconciler with plan_deployments.
caf::behavior planner_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                            caf::actor entity, Plan plan, Settings settings);

}  // namespace luthier::core
