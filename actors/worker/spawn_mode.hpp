// The one place that says how actors are spawned: production detaches what may block, a simulation detaches nothing, so
// that its scheduler sees every step.
#pragma once

#include <caf/all.hpp>
#include <utility>

namespace luthier {

enum class SpawnMode { production, simulation };

// For actors that call the bus, the disk or a device.
template <class Function, class... Arguments>
caf::actor spawn_blocking(caf::actor_system& system, SpawnMode mode, Function function, Arguments&&... arguments) {
  if (mode == SpawnMode::production)
    return system.spawn<caf::detached>(function, std::forward<Arguments>(arguments)...);
  return system.spawn(function, std::forward<Arguments>(arguments)...);
}

// The same, ending with the actor that spawns it.
template <class Function, class... Arguments>
caf::actor spawn_blocking_linked(caf::local_actor* parent, SpawnMode mode, Function function, Arguments&&... arguments) {
  if (mode == SpawnMode::production)
    return parent->spawn<caf::linked + caf::detached>(function, std::forward<Arguments>(arguments)...);
  return parent->spawn<caf::linked>(function, std::forward<Arguments>(arguments)...);
}

}  // namespace luthier
