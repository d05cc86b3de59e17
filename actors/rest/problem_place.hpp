// Where in a request a problem is, and how much of what was sent may be repeated.
#pragma once

#include <string_view>
#include <variant>

#include "actors/rest/json.hpp"

namespace luthier::rest {

// A chain on the stack, so that a value that is right costs no `loc`.
struct Place {
  const Json* start = nullptr;  // of the outermost place alone
  const Place* outer = nullptr;
  std::variant<std::string_view, std::size_t> step = std::string_view();
};
Json loc_of(const Place& place);

// The value when it is short enough; a longer text is cut, a longer object or list is left out.
Json input_of(const Json& value);
// 'a', 'b' or 'c'
std::string quoted_choices(const std::vector<std::string>& values, std::string_view last_separator = " or ");
std::string quoted(const Json& value);  // 'text', 5, True, None
// A few words of a stranger's text, for a sentence.
std::string excerpt(std::string_view text, std::size_t bytes_max = 255);

}  // namespace luthier::rest
