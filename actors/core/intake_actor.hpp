// Commands enter here, from the bus: requests that wait for their receipt, and durable deliveries that come again until they
// are acknowledged, which happens after the receipt. Intake is bounded: what does not fit is refused at once.
#pragma once

#include <caf/fwd.hpp>
#include <functional>
#include <string>

#include "actors/bus/bus.hpp"
#include "actors/core/settings.hpp"

namespace luthier::core {

// `warn` hears why the bus cannot be listened to, once for each reason.
caf::behavior intake_actor(caf::event_based_actor* self, bus::Bus* bus, caf::actor entity, std::function<void(std::string)> warn,
                           Settings settings);

}  // namespace luthier::core
