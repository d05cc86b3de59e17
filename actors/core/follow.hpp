// What every actor that follows the log or the beats does at its start.
#pragma once

#include <caf/fwd.hpp>
#include <memory>
#include <optional>
#include <string>

#include "actors/bus/bus.hpp"
#include "actors/core/follower.hpp"

namespace luthier::core {

// Folds the log and asks the log actor for what follows. nullopt: the log cannot be read, and the actor has quit.
std::optional<Follower> follow_log(caf::event_based_actor* self, const log::EventLog& log, const caf::actor& log_actor);

// Ends the actor when the commit does not follow what it has: its successor loads the log again.
bool apply_or_quit(caf::event_based_actor* self, Follower& follower, const Commit& commit);

// The beats of all workers, as BeatReceived; nullptr: the bus is not there yet.
std::unique_ptr<bus::Subscription> subscribe_beats(caf::event_based_actor* self, bus::Bus& bus);

void quit_with(caf::event_based_actor* self, const Error& error);

}  // namespace luthier::core
