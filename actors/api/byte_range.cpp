#include "actors/api/byte_range.hpp"

#include <algorithm>
#include <charconv>

namespace luthier::api {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string_view> after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

// "a-b"
std::optional<ByteRange> pair(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == text.npos) return std::nullopt;
  const auto first = number(text.substr(0, dash)), last = number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return ByteRange{*first, *last};
}

}  // namespace

std::optional<ByteRange> parse_range(std::string_view header, std::int64_t size) {
  const auto spec = after(header, "bytes=");
  if (!spec || size == 0) return std::nullopt;
  std::optional<ByteRange> range;
  if (const auto suffix = after(*spec, "-")) {
    const auto length = number(*suffix);
    if (length && *length > 0) range = ByteRange{size - std::min(*length, size), size - 1};
  } else if (spec->ends_with('-')) {
    if (const auto first = number(spec->substr(0, spec->size() - 1))) range = ByteRange{*first, size - 1};
  } else {
    range = pair(*spec);
  }
  if (!range || range->first > range->last || range->last >= size) return std::nullopt;
  return range;
}

std::optional<ContentRange> parse_content_range(std::string_view header) {
  const auto spec = after(header, "bytes ");
  if (!spec) return std::nullopt;
  const auto slash = spec->find('/');
  if (slash == spec->npos) return std::nullopt;
  const auto total = number(spec->substr(slash + 1));
  if (!total) return std::nullopt;
  if (spec->substr(0, slash) == "*") return ContentRange{std::nullopt, *total};
  const auto range = pair(spec->substr(0, slash));
  if (!range || range->last >= *total) return std::nullopt;
  return ContentRange{range, *total};
}

}  // namespace luthier::api
