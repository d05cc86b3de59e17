// JSON of commands and events, made from their declarations. Unknown members are refused, missing ones named.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "events/world/command.hpp"

namespace luthier::events {

struct EncodedEvent {
  std::string type;  // "ModelCreated"
  int version = 1;
  std::string data;  // canonical JSON: members in the order of the declaration, no blanks
};
EncodedEvent encode(const Event& event);
// Reads what the log holds. A failure is `corrupt`, naming the type and the member.
Result<Event> decode_event(std::string_view type, int version, std::string_view data);

struct EncodedCommand {
  std::string type;
  std::string data;
};
EncodedCommand encode(const Command& command);
// Reads what a client sent: `invalid`, with the member as the field ("data.fileset").
Result<Command> decode_command(std::string_view type, std::string_view data);

// The envelope {id, type, workspace, name, expected_version?, principal?, traceparent?, data} of a command that came for
// `entity` in `workspace` (both from the subject). Checks sizes (payload_bytes_max), id (1 to 128 characters), depth.
// What only a check or our own actors may say (StartJob.inputs, …) is refused from others. `trusted`: the bus knows that the
// sender is one of Luthier's own parts, so that it may call itself "system" or "worker:<name>". Without a principal: "anonymous".
struct EnvelopeLimits {
  std::size_t payload_bytes_max = 512 * 1024;
  std::size_t depth_max = 32;
};
Result<Request> decode_request(std::string_view entity, std::string_view workspace, std::string_view payload,
                               const EnvelopeLimits& limits = {}, bool trusted = false);
// The id in an envelope that decode_request has refused, so that its sender hears of it; empty when none can be read.
std::string id_in(std::string_view payload, const EnvelopeLimits& limits = {});
std::string encode_request(const Request& request);
// The SHA-256 (hex) of what a repeated id must repeat: type, entity, workspace, name, expected_version, data. Of the request
// as it came, before a check filled anything in. The order of JSON members does not matter.
std::string request_digest(const Request& request);

// The entity of a command or event type: "CreateAdapter" -> "model". Empty: no such type.
std::string_view entity_of_command(std::string_view type);
std::string_view entity_of_event(std::string_view type);
// Commands that clients may send; the others are our own actors' and workers' (principals "system" and "worker:<name>").
bool is_public_command(std::string_view type);

struct Declaration {
  std::string_view type;
  int version;  // 0: a command
  std::string_view entity;
  std::string schema;  // JSON Schema of data
};
std::vector<Declaration> declarations();

}  // namespace luthier::events
