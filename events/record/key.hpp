// The key of a record: "<kind>:<parent>:<name>". None of the three has a colon.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace luthier::events {

struct RecordKey {
  std::string kind, parent, name;
  std::string text() const { return kind + ":" + parent + ":" + name; }
};

// nullopt: not such a key. The kind is a name in lower case, the parent an id or empty, the name as entities have it.
std::optional<RecordKey> parse_record_key(std::string_view text);

}  // namespace luthier::events
