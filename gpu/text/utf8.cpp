#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

enum class Kind { valid, invalid, incomplete };

struct Step {
  Kind kind;
  std::size_t bytes;  // of the character, or of what takes one U+FFFD
};

struct Lead {
  std::size_t bytes = 0;                     // 0: no character starts with this byte
  unsigned char first_low = 0x80, first_high = 0xBF;  // the second byte's range; later ones take 80..BF
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

Step step_at(std::string_view text, std::size_t at) {
  const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
  if (lead.bytes == 0) return {Kind::invalid, 1};
  for (std::size_t i = 1; i < lead.bytes; ++i) {
    if (at + i == text.size()) return {Kind::incomplete, i};
    const auto byte = static_cast<unsigned char>(text[at + i]);
    const auto low = i == 1 ? lead.first_low : 0x80, high = i == 1 ? lead.first_high : 0xBF;
    if (byte < low || byte > high) return {Kind::invalid, i};
  }
  return {Kind::valid, lead.bytes};
}

}  // namespace

CodePoint code_point_before(std::string_view valid, std::size_t end) {
  std::size_t at = end - 1;
  while ((static_cast<unsigned char>(valid[at]) & 0xC0) == 0x80) --at;
  return code_point_at(valid, at);
}

void append_utf8(std::string& out, char32_t value) {
  const auto add = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (value < 0x80) return add(value);
  if (value < 0x800) {
    add(0xC0 | value >> 6);
  } else if (value < 0x10000) {
    add(0xE0 | value >> 12);
    add(0x80 | (value >> 6 & 0x3F));
  } else {
    add(0xF0 | value >> 18);
    add(0x80 | (value >> 12 & 0x3F));
    add(0x80 | (value >> 6 & 0x3F));
  }
  add(0x80 | (value & 0x3F));
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

std::u32string to_utf32(std::string_view valid) {
  std::u32string out;
  out.reserve(valid.size());
  for (std::size_t at = 0; at < valid.size();) {
    const auto [value, bytes] = code_point_at(valid, at);
    out += value;
    at += bytes;
  }
  return out;
}

std::size_t count_code_points(std::string_view valid) {
  std::size_t count = 0;
  for (const char c : valid) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const auto [kind, bytes] = step_at(text, at);
    if (kind != Kind::valid) return at;
    at += bytes;
  }
  return std::nullopt;
}

void LossyUtf8::push(std::string_view bytes, std::string& out) {
  held_ += bytes;
  std::size_t at = 0;
  while (at < held_.size()) {
    const auto [kind, length] = step_at(held_, at);
    if (kind == Kind::incomplete) break;
    out += kind == Kind::valid ? std::string_view(held_).substr(at, length) : replacement_utf8;
    at += length;
  }
  held_.erase(0, at);
}

void LossyUtf8::finish(std::string& out) {
  if (!held_.empty()) out += replacement_utf8;
  held_.clear();
}

}  // namespace luthier::text
