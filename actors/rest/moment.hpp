// Times as people and rows write them.
#pragma once

#include <optional>
#include <string_view>

#include "events/base/ids.hpp"

namespace luthier::rest {

// ISO 8601 with or without a time of day, a fraction, a zone (none: UTC): "2026-02-09", "2026-02-09T22:12:45.123456+01:00". A blank may
// stand for the T, and for a '+' that a query has decoded. What is finer than a microsecond is cut off.
std::optional<Timestamp> read_moment(std::string_view text);

}  // namespace luthier::rest
