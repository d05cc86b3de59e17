#include "events/json/utf8.hpp"

#include <algorithm>

namespace luthier::json {
namespace {

struct Lead {
  std::size_t bytes;
  unsigned char second_min, second_max;  // excludes overlong forms, surrogates and what is above U+10FFFF
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

std::size_t code_point_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const Lead lead = lead_of(byte(0));
  if (lead.bytes <= 1) return lead.bytes;
  if (text.size() < lead.bytes || byte(1) < lead.second_min || byte(1) > lead.second_max) return 0;
  for (std::size_t i = 2; i < lead.bytes; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  return lead.bytes;
}

bool is_utf8(std::string_view text) {
  for (;;) {
    const auto beyond_ascii = std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    text.remove_prefix(static_cast<std::size_t>(beyond_ascii - text.begin()));
    if (text.empty()) return true;
    const std::size_t bytes = code_point_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
}

std::string repaired_utf8(std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string out;
  while (!text.empty()) {
    const std::size_t bytes = code_point_bytes(text);
    const std::string_view next = bytes == 0 ? replacement : text.substr(0, bytes);
    if (next.size() > bytes_max - out.size()) break;
    out += next;
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace luthier::json
