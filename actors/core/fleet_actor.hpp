// The fleet actor hears the beats of the workers, answers each with the lease of its tasks, registers workers that are new,
// and declares those lost whose lease has certainly run out.
#pragma once

#include <caf/fwd.hpp>

#include "actors/bus/bus.hpp"
#include "actors/core/follower.hpp"
#include "actors/core/settings.hpp"

namespace luthier::core {

caf::behavior fleet_actor(caf::event_based_actor* self, bus::Bus* bus, const log::EventLog* log, caf::actor log_actor,
                          caf::actor entity, Settings settings);

}  // namespace luthier::core
