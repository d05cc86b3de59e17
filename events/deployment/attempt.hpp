// The end of a serving process that nobody asked for, whoever found it.
#pragma once

#include "events/job/attempt.hpp"

namespace luthier::events {

Fact ended_serving(const DeploymentState& deployment, const AttemptEnd& end, const Limits& limits);

}  // namespace luthier::events
