#include "actors/rest/lax.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace luthier::rest {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.size() > 1 && text.front() == '+' && is_digit(text[1])) text.remove_prefix(1);
  return text;
}

}  // namespace

std::optional<double> read_double(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || (!is_digit(text.back()) && text.back() != '.')) return std::nullopt;  // no "nan", no "inf"
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<std::int64_t> read_integer(std::string_view text, NotWhole& why) {
  why = NotWhole::not_a_number;
  text = trimmed(text);
  if (const auto point = text.find('.'); point != text.npos) {
    const auto fraction = text.substr(point + 1);
    if (fraction.empty() || fraction.find_first_not_of('0') != fraction.npos) return std::nullopt;
    text = text.substr(0, point);
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) why = NotWhole::too_large;
  if (error != std::errc{}) return std::nullopt;
  return number;
}

std::optional<bool> read_flag(std::string_view text) {
  if (text.size() > 5) return std::nullopt;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::array yes{"1", "true", "yes", "on", "y", "t"}, no{"0", "false", "no", "off", "n", "f"};
  if (std::find(yes.begin(), yes.end(), lower) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), lower) != no.end()) return false;
  return std::nullopt;
}

std::optional<std::int64_t> whole(double number) {
  constexpr double end = 9223372036854775808.0;  // 2^63
  if (!(number >= -end && number < end) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace luthier::rest
