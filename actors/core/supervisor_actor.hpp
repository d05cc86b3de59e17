// The supervisor starts the actors of the control plane in order and keeps them there: one that dies is started again with a
// growing pause. The entity and the log actor are different: what they hold cannot be trusted after a failure, so theirs ends
// the node, whose next start reads everything from disk.
#pragma once

#include <caf/fwd.hpp>
#include <functional>
#include <string>
#include <vector>

#include "actors/core/settings.hpp"

namespace luthier::core {

struct Child {
  std::string name;
  std::function<caf::actor()> spawn;
  bool is_fatal = false;  // its failure ends the node
};

struct SupervisorEvents {
  std::function<void(std::string)> warn;      // a child died and will be started again
  std::function<void(std::string)> on_fatal;  // called once
  std::function<void()> on_stopped;           // every child has ended after a Shutdown
};

// Started with the children in the order given; a Shutdown ends them in the reverse order, each before the next.
caf::behavior supervisor_actor(caf::event_based_actor* self, std::vector<Child> children, SupervisorEvents events,
                               Settings settings);

}  // namespace luthier::core
