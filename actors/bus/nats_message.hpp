// Between our messages and libnats' own.
#pragma once

#include <nats/nats.h>

#include <memory>
#include <string_view>

#include "actors/bus/bus.hpp"

namespace luthier::bus {

struct NatsMessageDeleter {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
using NatsMessage = std::unique_ptr<natsMsg, NatsMessageDeleter>;

// A subject that may be published to. libnats copies a subject into its protocol line as it is, so a blank or a line
// break in one that came from outside would be read by the server as a command of ours.
bool is_publishable(std::string_view subject);

// Whether an answer may be sent there. A request names its reply subject freely, and we publish with all rights: only
// inboxes are answered, or a client could have us write to $JS.API or forge an event.
bool is_inbox(std::string_view subject);

Result<NatsMessage> to_nats(const Message& message);
Message from_nats(natsMsg* message);  // keeps the reply as it came

// "why: what libnats says"
Error nats_error(natsStatus status, std::string_view doing);

}  // namespace luthier::bus
