// The log actor owns the writing side of the event log. Appends that wait together share one sync; then come the receipts,
// then the followers (projector, publisher, planners), each of which hears every event once and in order. The projector, for whose rows
// clients wait, hears of each commit at once. Waking the others costs as much as a commit itself: the first commit after a rest wakes them
// too, and what follows within `tell_interval` of it is told together.
//
// A write that fails ends the actor, and with it the node: what was not synced must not be tried again in this process.
#pragma once

#include <caf/fwd.hpp>

#include "actors/core/settings.hpp"
#include "events/base/clock.hpp"
#include "events/log/event_log.hpp"

namespace luthier::core {

caf::behavior log_actor(caf::event_based_actor* self, log::EventLog* log, const Clock* clock, Settings settings);

}  // namespace luthier::core
