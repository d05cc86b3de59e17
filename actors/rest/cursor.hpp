// Where a list that is read by cursor (logs) goes on. Opaque to clients: base58 of the JSON text [page, direction].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/rest/answer.hpp"

namespace luthier::rest {

struct Cursor {
  std::int64_t page = 0;
  bool backward = false;
  bool operator==(const Cursor&) const = default;
};

std::string to_text(const Cursor& cursor);
Or<Cursor> parse_cursor(std::string_view text);  // 422 with a sentence

}  // namespace luthier::rest
