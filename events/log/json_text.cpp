#include "events/log/json_text.hpp"

#include <charconv>

namespace luthier::log {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view short_escapes = "\"\\\b\f\n\r\t", short_letters = "\"\\bfnrt";

bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    out += '\\';
    if (const auto at = short_escapes.find(text.front()); at != std::string_view::npos) {
      out += short_letters[at];
    } else {
      out.append("u00");
      out += hex_digits[static_cast<unsigned char>(text.front()) >> 4];
      out += hex_digits[static_cast<unsigned char>(text.front()) & 15];
    }
    text.remove_prefix(1);
  }
  out += '"';
}

void JsonCursor::literal(std::string_view expected) { ok_ = try_literal(expected); }

bool JsonCursor::try_literal(std::string_view expected) {
  if (!ok_ || !rest_.starts_with(expected)) return false;
  rest_.remove_prefix(expected.size());
  return true;
}

std::int64_t JsonCursor::integer() {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
  const std::string_view digits = rest_.substr(0, static_cast<std::size_t>(end - rest_.data()));
  // "-0" and "007" are other spellings of a number that we write in one way.
  ok_ = ok_ && error == std::errc{} && digits == std::to_string(value);
  if (!ok_) return 0;
  rest_.remove_prefix(digits.size());
  return value;
}

void JsonCursor::escape(std::string& out) {
  if (rest_.empty()) return void(ok_ = false);
  if (const auto at = short_letters.find(rest_.front()); at != std::string_view::npos) {
    out += short_escapes[at];
    rest_.remove_prefix(1);
    return;
  }
  const auto high = rest_.size() < 5 ? std::string_view::npos : hex_digits.find(rest_[3]);
  const auto low = rest_.size() < 5 ? std::string_view::npos : hex_digits.find(rest_[4]);
  ok_ = rest_.starts_with("u00") && high < 2 && low != std::string_view::npos;
  if (!ok_) return;
  const char c = static_cast<char>(high * 16 + low);
  ok_ = short_escapes.find(c) == std::string_view::npos;
  out += c;
  rest_.remove_prefix(5);
}

std::string JsonCursor::string() {
  std::string out;
  literal("\"");
  while (ok_) {
    std::size_t plain = 0;
    while (plain < rest_.size() && is_plain(rest_[plain])) ++plain;
    out.append(rest_.substr(0, plain));
    rest_.remove_prefix(plain);
    if (try_literal("\"")) return out;
    literal("\\");
    if (ok_) escape(out);
  }
  return {};
}

std::string_view JsonCursor::take_all_but(std::size_t tail_bytes) {
  ok_ = ok_ && rest_.size() >= tail_bytes;
  if (!ok_) return {};
  const auto taken = rest_.substr(0, rest_.size() - tail_bytes);
  rest_.remove_prefix(taken.size());
  return taken;
}

}  // namespace luthier::log
