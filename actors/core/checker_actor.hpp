// Runs the checks that commands need before they are decided, one at a time, off the deciding actor.
#pragma once

#include <caf/fwd.hpp>

namespace luthier::core {

class Checker;
caf::behavior checker_actor(caf::event_based_actor* self, Checker* checker);

}  // namespace luthier::core
