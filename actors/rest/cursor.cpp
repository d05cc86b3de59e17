#include "actors/rest/cursor.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "events/base/base58.hpp"

namespace luthier::rest {
namespace {

constexpr std::string_view alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t cursor_bytes_max = 64;  // decoding is quadratic; a page number needs half of it

std::optional<std::string> decoded(std::string_view text) {
  if (text.empty() || text.size() > cursor_bytes_max) return std::nullopt;
  std::vector<std::uint8_t> bytes;  // the least first
  for (const char c : text) {
    const auto digit = alphabet.find(c);
    if (digit == alphabet.npos) return std::nullopt;
    auto carry = static_cast<unsigned>(digit);
    for (auto& byte : bytes) {
      carry += byte * 58u;
      byte = static_cast<std::uint8_t>(carry & 0xFF);
      carry >>= 8;
    }
    for (; carry > 0; carry >>= 8) bytes.push_back(static_cast<std::uint8_t>(carry & 0xFF));
  }
  return std::string(bytes.rbegin(), bytes.rend());
}

}  // namespace

std::string to_text(const Cursor& cursor) {
  const std::string text = "[" + std::to_string(cursor.page) + ", " + (cursor.backward ? "1" : "0") + "]";
  return base58(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

Or<Cursor> parse_cursor(std::string_view text) {
  const auto read = [&]() -> std::optional<Cursor> {
    const auto bytes = decoded(text);
    const auto pair = bytes ? parse_json(*bytes) : Result<Json>(invalid(""));
    if (!pair || !pair->is_array() || pair->size() != 2) return std::nullopt;
    const Json &page = (*pair)[0], &direction = (*pair)[1];
    if (!page.is_number_integer() || page.get<std::int64_t>() < 0 || (direction != 0 && direction != 1)) return std::nullopt;
    return Cursor{page.get<std::int64_t>(), direction == 1};
  }();
  if (!read) return detail(422, "The page cursor cannot be read; give next_page or prev_page of an answer as it is.");
  return *read;
}

}  // namespace luthier::rest
