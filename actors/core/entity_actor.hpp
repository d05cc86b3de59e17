// The entity actor decides: it holds the world as of the last decided event, which may be ahead of what is on disk, so that
// many commands share one sync. Receipts wait for the commit. An append that fails ends the actor and with it everything
// that was pending.
//
// One actor decides for all entities: see docs/decisions/0001-one-world.md.
#pragma once

#include <caf/fwd.hpp>

#include "actors/core/follower.hpp"
#include "actors/core/settings.hpp"
#include "events/log/event_log.hpp"

namespace luthier::core {

// `log_actor` writes, `log` answers whether a command has its receipt already, `checker` looks at the world.
caf::behavior entity_actor(caf::event_based_actor* self, const log::EventLog* log, Follower follower,
                           caf::actor log_actor, caf::actor checker, Settings settings);

}  // namespace luthier::core
