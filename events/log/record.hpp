// A record as bytes, and the hash that ties it to the one before it. Pure. FORMAT.md describes the layout.
#pragma once

#include <string>
#include <string_view>

#include "events/log/event_log.hpp"

namespace luthier::log {

// The hash of position 0: 64 zeros.
const Hash& zero_hash();

// What the hash is taken of: one line of JSON, members in fixed order, without `previous` and `hash`.
std::string canonical_text(const Record& record);

// SHA-256 over the 32 bytes that `previous` spells and the text.
Hash hash_record(const Hash& previous, std::string_view canonical_text);

// Sets record.hash from record.previous and all else, and gives the value to be stored.
std::string seal(Record& record);

// Reads a stored value and checks its own hash. A failure is `corrupt`; the caller, who knows the key, adds the position.
Result<Record> decode_record(std::string_view stored);

// The hash that a stored value names, unchecked; empty when it is too short to have one.
Hash stored_hash(std::string_view stored);

// What the value stored under `position` must be, given the hash of the record before it: that record itself.
Result<Record> decode_record_at(Position position, std::string_view stored);
// `corrupt`, naming the position, when `record` does not follow a record with that hash.
Result<void> check_link(const Record& record, const Hash& previous);

}  // namespace luthier::log
