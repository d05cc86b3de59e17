// Our two streams: LUTHIER_COMMANDS, the durable intake (a work queue), and LUTHIER_EVENTS, the copy of the log. All
// functions here wait for the server.
#pragma once

#include <nats/nats.h>

#include <cstdint>

#include "actors/bus/nats_bus.hpp"

namespace luthier::bus {

inline constexpr const char* commands_stream = "LUTHIER_COMMANDS";
inline constexpr const char* commands_consumer = "intake";
inline constexpr const char* events_stream = "LUTHIER_EVENTS";
// Outside of luthier.v1: no client may listen to what the intake gets.
inline constexpr const char* deliver_subject = "luthier.internal.intake";

// Makes the stream, or gives it the bounds of `options`.
Result<void> ensure_commands_stream(jsCtx* jetstream, const NatsOptions& options);
Result<EventCopy> ensure_events_stream(jsCtx* jetstream, const NatsOptions& options);

// What the consumer had delivered, and nobody has acknowledged, comes at once from the next one, and not after its
// time-out. Nothing is delivered in between: whoever listens already would hear from both.
Result<void> drop_commands_consumer(jsCtx* jetstream, const NatsOptions& options);
Result<void> ensure_commands_consumer(jsCtx* jetstream, const NatsOptions& options, std::size_t credit);

// The server's answer to a publish into a stream: the sequence that the message has got. conflict: the stream is at
// another sequence; limit: it is full.
Result<std::uint64_t> parse_publish_answer(natsMsg* answer);

}  // namespace luthier::bus
