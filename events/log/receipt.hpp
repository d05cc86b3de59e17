// Receipts and stream heads as bytes. Pure. FORMAT.md describes the layout.
#pragma once

#include <string>
#include <string_view>

#include "events/log/event_log.hpp"

namespace luthier::log {

// The command key is the key of the stored receipt and not part of the value.
std::string encode_receipt(const Receipt& receipt);
Result<Receipt> decode_receipt(const CommandKey& command, std::string_view stored);

// Where a stream stands: its last version, that event's position, and the name that its entity has.
struct StreamHead {
  Version version = 0;
  Position position = 0;
  std::string workspace, name;
  bool operator==(const StreamHead&) const = default;
};
std::string encode_head(const StreamHead& head);
Result<StreamHead> decode_head(std::string_view stored);

}  // namespace luthier::log
