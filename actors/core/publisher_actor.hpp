// The publisher copies the log to the bus: position N becomes sequence N of the event stream, in order, a bounded window at a
// time. The stream can be thrown away: whatever it lacks is published again. A stream that is ahead of the log, or holds
// another event at its end, belongs to a second writer or to a lost log: the publisher stops and says so.
#pragma once

#include <caf/fwd.hpp>
#include <functional>
#include <string>

#include "actors/bus/bus.hpp"
#include "actors/core/settings.hpp"
#include "events/log/event_log.hpp"

namespace luthier::core {

caf::behavior publisher_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                              std::function<void(std::string)> warn, Settings settings);

}  // namespace luthier::core
