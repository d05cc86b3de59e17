// "bytes 0-99/1234", the head of a partial answer.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace luthier::hub {

struct ContentRange {
  std::int64_t first = 0, last = 0;
  std::optional<std::int64_t> size;  // nullopt: "*"
};

inline std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

inline std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (text.substr(0, 6) != "bytes ") return std::nullopt;
  text.remove_prefix(6);
  const auto dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const auto first = whole_number(text.substr(0, dash)), last = whole_number(text.substr(dash + 1, slash - dash - 1));
  const auto size = whole_number(text.substr(slash + 1));
  if (!first || !last || *last < *first || (!size && text.substr(slash + 1) != "*")) return std::nullopt;
  return ContentRange{*first, *last, size};
}

}  // namespace luthier::hub
