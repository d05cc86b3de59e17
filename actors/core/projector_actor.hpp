// The projector folds committed events into the read models. It keeps up with the log from wherever the read models are.
#pragma once

#include <caf/fwd.hpp>

#include "events/log/event_log.hpp"

namespace luthier::projections {
class Projections;
}

namespace luthier::core {

caf::behavior projector_actor(caf::event_based_actor* self, projections::Projections* projections, const log::EventLog* log,
                              caf::actor log_actor);

}  // namespace luthier::core
