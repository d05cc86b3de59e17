// The projector folds committed events into the read models. It keeps up with the log from wherever the read models are.
#pragma once

#include <caf/fwd.hpp>
#include <functional>

#include "events/log/event_log.hpp"

namespace luthier::projections {
class Projections;
}

namespace luthier::core {

struct Commit;

// `on_projected` is called after each commit, once its rows can be read; absent: nobody asks.
caf::behavior projector_actor(caf::event_based_actor* self, projections::Projections* projections, const log::EventLog* log,
                              caf::actor log_actor, std::function<void(const Commit&)> on_projected);

}  // namespace luthier::core
