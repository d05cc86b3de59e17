// What the actors of the control plane say to each other. The messages stay in the process: what leaves it is JSON on the
// bus. Big contents are shared, never copied.
#pragma once

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "actors/bus/bus.hpp"
#include "actors/core/check.hpp"
#include "actors/worker/protocol.hpp"
#include "events/log/event_log.hpp"
#include "events/world/command.hpp"

namespace luthier::core {

// A command for the entity actor; answered with an Outcome.
struct Submit {
  std::shared_ptr<const events::Request> request;
};
struct Outcome {
  std::shared_ptr<const log::Receipt> receipt;  // accepted, or refused for good: it is on disk
  std::optional<Error> error;                   // otherwise: nothing was decided, and trying again may help
};
using Answer = std::function<void(const Outcome&)>;
// The same from a thread that is no actor. `answer` is called once, from the entity actor's thread, and must not block; it is destroyed
// uncalled when the actor has ended.
struct Ask {
  std::shared_ptr<const events::Request> request;
  Answer answer;
};

// For the log actor; answered with an Appended when it is on disk.
struct AppendRequest {
  std::shared_ptr<const log::Append> append;
};
struct Appended {
  std::shared_ptr<const log::Receipt> receipt;
  std::optional<Error> error;
};

// To everyone who follows the log: what has just been committed, gapless and in order. Decoded once for all of them.
struct Commit {
  std::vector<log::Record> records;
  std::vector<events::Fact> facts;  // one for each record
};
struct Committed {
  std::shared_ptr<const Commit> commit;
};
// "I have applied everything up to here: send me what follows." The log actor forgets a follower that has gone down.
struct Follow {
  caf::actor follower;
  Position applied = 0;
  bool at_once = false;  // somebody waits for it: it hears of each commit by itself, the others of several at a time
};

struct CheckRequest {
  std::shared_ptr<const events::Request> request;
  CheckContext context;
};
struct CheckAnswer {
  std::shared_ptr<const events::Command> command;  // with what the check has found
  std::optional<Error> error;
};

// From the bus.
struct Requested {
  bus::Message message;
};
struct Delivered {
  bus::Delivery delivery;
};
struct Queried {
  bus::Message message;
};
struct BeatReceived {
  std::shared_ptr<const worker::Beat> beat;
};
struct EventsStored {  // the bus's answer to publish_events
  std::int64_t generation = 0;
  std::size_t count = 0;
  std::optional<Error> error;
};

struct Applied {  // from the projector: rows of this position can be read
  Position position = 0;
};

struct Flush {};     // to oneself: write what has gathered
struct Tick {};      // to oneself: time has passed
struct Shutdown {};  // stop what you do, then quit

}  // namespace luthier::core

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Submit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::AppendRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Appended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Follow)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::CheckRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::CheckAnswer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Requested)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Delivered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Queried)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::BeatReceived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::EventsStored)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Applied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Flush)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(luthier::core::Shutdown)
