#include "actors/core/follow.hpp"

#include <caf/all.hpp>

#include "actors/bus/subjects.hpp"
#include "actors/core/messages.hpp"

namespace luthier::core {

void quit_with(caf::event_based_actor* self, const Error& error) {
  self->quit(caf::make_error(caf::sec::runtime_error, error.message));
}

std::optional<Follower> follow_log(caf::event_based_actor* self, const log::EventLog& log, const caf::actor& log_actor) {
  auto follower = load(log);
  if (!follower) {
    quit_with(self, follower.error());
    return std::nullopt;
  }
  self->send(log_actor, Follow{caf::actor_cast<caf::actor>(self), follower->applied});
  return std::move(*follower);
}

bool apply_or_quit(caf::event_based_actor* self, Follower& follower, const Commit& commit) {
  const auto applied = follower.apply(commit);
  if (!applied) quit_with(self, applied.error());
  return static_cast<bool>(applied);
}

std::unique_ptr<bus::Subscription> subscribe_beats(caf::event_based_actor* self, bus::Bus& bus) {
  const auto me = caf::actor_cast<caf::actor>(self);
  auto subscribed = bus.subscribe(std::string(bus::all_beats), [me](bus::Message message) {
    auto beat = worker::decode_beat(message.payload);
    if (beat) caf::anon_send(me, BeatReceived{std::make_shared<const worker::Beat>(std::move(*beat))});
  });
  return subscribed ? std::move(*subscribed) : nullptr;
}

}  // namespace luthier::core
