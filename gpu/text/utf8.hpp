// UTF-8, strictly as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace luthier::text {

inline constexpr std::string_view replacement_utf8 = "\xEF\xBF\xBD";  // U+FFFD

struct CodePoint {
  char32_t value;
  std::size_t bytes;
};

// The code point that starts at `at`; the text must be valid.
inline CodePoint code_point_at(std::string_view valid, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(valid[at + i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1Fu) << 6 | (byte(1) & 0x3Fu), 2};
  if (lead < 0xF0) return {(lead & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu), 3};
  return {(lead & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu), 4};
}

// The code point that ends just before `end` (> 0); the text must be valid.
CodePoint code_point_before(std::string_view valid, std::size_t end);

void append_utf8(std::string& out, char32_t value);
std::string to_utf8(std::u32string_view text);
std::u32string to_utf32(std::string_view valid);
std::size_t count_code_points(std::string_view valid);

// Where the first byte stands that is not part of valid UTF-8.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);

// Turns bytes that arrive piece by piece into text. A byte sequence that is not UTF-8 becomes U+FFFD, one for each
// maximal part of a character, as browsers and Rust do; the start of a character waits for its end.
class LossyUtf8 {
 public:
  void push(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  std::string held_;  // at most 3 bytes
};

}  // namespace luthier::text
