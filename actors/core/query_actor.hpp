// Queries, from the bus: get, list and history of the entities as they are, or were at a position or a time; and the log
// itself. A query may ask for at least a position, so that a client reads what it has written.
#pragma once

#include <caf/fwd.hpp>
#include <memory>

#include "actors/bus/bus.hpp"
#include "actors/core/settings.hpp"
#include "actors/core/waiting_reasons.hpp"
#include "events/log/event_log.hpp"

namespace luthier::projections {
class Projections;
}

namespace luthier::core {

caf::behavior query_actor(caf::event_based_actor* self, bus::Bus* bus, projections::Projections* projections,
                          const log::EventLog* log, std::shared_ptr<const WaitingReasons> waiting, Settings settings);

}  // namespace luthier::core
