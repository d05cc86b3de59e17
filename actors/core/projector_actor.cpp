#include "actors/core/projector_actor.hpp"

#include <caf/all.hpp>

#include "actors/core/follow.hpp"
#include "actors/core/messages.hpp"
#include "projections/projections.hpp"

namespace luthier::core {

caf::behavior projector_actor(caf::event_based_actor* self, projections::Projections* projections, const log::EventLog* log,
                              caf::actor log_actor, std::function<void(const Commit&)> on_projected) {
  if (auto caught_up = projections->catch_up(*log); !caught_up) {
    quit_with(self, caught_up.error());
    return {};
  }
  self->send(log_actor, Follow{caf::actor_cast<caf::actor>(self), projections->position(), true});
  return {[=](const Committed& committed) {
    const auto& commit = *committed.commit;
    const auto applied = projections->apply(commit.records, commit.facts);
    if (!applied) return quit_with(self, applied.error());
    if (on_projected) on_projected(commit);
  }};
}

}  // namespace luthier::core
