// Ids and positions are types, so that two texts or two numbers that mean different things never meet.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier {

// The place of an event in the whole log: 1, 2, 3 … without a gap. 0: before the first.
using Position = std::int64_t;
// The place of an event in its stream: 1, 2, 3 … 0: the stream has no event yet.
using Version = std::int64_t;
// Microseconds since 1970-01-01T00:00:00Z.
using Timestamp = std::int64_t;

// "2026-11-23T20:15:04.123456Z"
std::string format_time(Timestamp time);
// The same form, also with fewer or no digits of a second ("2026-11-23T20:15:04Z"); only UTC. Anything else is `invalid`.
Result<Timestamp> parse_time(std::string_view text);

// A stream is keyed by the entity's id, never by its name: a name that is used again gets a new id.
struct StreamKey {
  std::string entity;  // "workspace", "fileset", "model", "job", "deployment", "worker"
  std::string id;      // "model-5Q2LoF8z8M9JZxZsHwJKNn"
  auto operator<=>(const StreamKey&) const = default;
};

// Who sent which command: a command id is unique per principal and workspace.
struct CommandKey {
  std::string principal;
  std::string workspace;
  std::string id;
  auto operator<=>(const CommandKey&) const = default;
};

// An entity id that is a pure function of the command that creates it ("model-" + base58 of 16 bytes of a SHA-256), so
// that deciding the same command again gives the same id. `ordinal` tells several creations of one command apart.
std::string derive_entity_id(const std::string& entity, const CommandKey& command, int ordinal = 0);

}  // namespace luthier
