// The inspector reads the checkpoint of each model whose spec is not known yet and has it filled in.
#pragma once

#include <caf/fwd.hpp>

#include "actors/core/settings.hpp"
#include "events/log/event_log.hpp"

namespace luthier::core {

class Checker;
caf::behavior inspector_actor(caf::event_based_actor* self, Checker* checker, const log::EventLog* log, caf::actor log_actor,
                              caf::actor entity, Settings settings);

}  // namespace luthier::core
