#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_filters.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"

namespace luthier::text::jinja {
namespace {

std::optional<std::int64_t> parse_integer(std::string_view digits, int base) {
  digits = strip(digits, Ends::both);
  const bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto prefix = [&](std::string_view lower_case, int means) {
    const bool there = digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == lower_case[1] && (base == means || base == 0);
    if (there) {
      digits.remove_prefix(2);
      base = means;
    }
  };
  prefix("0x", 16);
  prefix("0o", 8);
  prefix("0b", 2);
  if (base == 0) base = 10;
  if (base < 2 || base > 36) throw Failure{"int() base must be >= 2 and <= 36, or 0"};
  std::string plain;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool between_digits = i > 0 && i + 1 < digits.size() && digits[i - 1] != '_' && digits[i + 1] != '_';
    if (digits[i] != '_') plain += digits[i];
    if (digits[i] == '_' && !between_digits) return std::nullopt;
  }
  if (plain.empty() || plain[0] == '-' || plain[0] == '+') return std::nullopt;
  if (is_negative) plain.insert(0, "-");
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
  if (error == std::errc::result_out_of_range) throw Failure{"an integer needs more than 64 bits"};
  if (error != std::errc() || stop != plain.data() + plain.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view digits) {
  std::string plain(strip(digits, Ends::both));
  std::erase(plain, '_');
  if (plain.starts_with('+')) plain.erase(0, 1);
  const std::string lower_case = lower(plain);
  if (lower_case.find_first_of("xp") != std::string::npos) return std::nullopt;
  double value = 0;
  const auto [stop, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error == std::errc::result_out_of_range) return std::strtod(plain.c_str(), nullptr);  // infinity or zero, as in Python
  if (plain.empty() || error != std::errc() || stop != plain.data() + plain.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> truncated(double value) {
  if (std::isnan(value) || std::isinf(value)) return std::nullopt;
  if (std::fabs(value) >= 9.2233720368547e18) throw Failure{"an integer needs more than 64 bits"};
  return static_cast<std::int64_t>(value);
}

Value to_integer(Machine&, const Value& input, const Call& call) {
  const Bound bound("int", call, {"default", "base"});
  require_defined(input);
  const Value otherwise = bound.has(0) ? bound.value(0) : integer(0);
  std::optional<std::int64_t> value = as_integer(input);
  if (input.is_text()) value = parse_integer(input.text(), static_cast<int>(std::clamp<std::int64_t>(bound.whole(1, 10), -1, 99)));
  if (!value) {
    const auto real = input.is_text() ? parse_real(input.text()) : as_number(input);
    if (real) value = truncated(*real);
  }
  return value ? integer(*value) : otherwise;
}

Value to_float(Machine&, const Value& input, const Call& call) {
  const Bound bound("float", call, {"default"});
  require_defined(input);
  const auto real = input.is_text() ? parse_real(input.text()) : as_number(input);
  return real ? number(*real) : bound.has(0) ? bound.value(0) : number(0);
}

Value absolute(Machine&, const Value& input, const Call& call) {
  const Bound bound("abs", call, {});
  require_defined(input);
  if (const auto whole = as_integer(input)) return *whole < 0 ? negative(integer(*whole)) : integer(*whole);
  if (const auto real = as_number(input)) return number(std::fabs(*real));
  throw Failure{"bad operand type for abs(): '" + type_name(input) + "'"};
}

// Rounds the exact binary value, ties to even, as Python does.
double rounded(double value, std::int64_t precision) {
  if (!std::isfinite(value) || precision > 300) return value;
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-std::max<std::int64_t>(precision, -308)));
    return std::nearbyint(value / scale) * scale;
  }
  char buffer[700];
  std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(precision), value);
  return std::strtod(buffer, nullptr);
}

// To a multiple of a power of ten, ties to even.
std::int64_t rounded_integer(std::int64_t value, std::int64_t precision) {
  if (precision >= 0) return value;
  if (precision < -18) return 0;
  std::int64_t scale = 1, result = 0;
  for (std::int64_t i = precision; i < 0; ++i) scale *= 10;
  const std::int64_t rest = ((value % scale) + scale) % scale, floor_tens = (value - rest) / scale;
  const bool goes_up = rest > scale - rest || (rest == scale - rest && floor_tens % 2 != 0);
  if (__builtin_mul_overflow(floor_tens + (goes_up ? 1 : 0), scale, &result)) throw Failure{"an integer needs more than 64 bits"};
  return result;
}

Value round(Machine&, const Value& input, const Call& call) {
  const Bound bound("round", call, {"precision", "method"});
  require_defined(input);
  const std::string kind = bound.text(1, "common");
  const auto precision = bound.whole(0, 0);
  if (kind != "common" && kind != "ceil" && kind != "floor") throw Failure{"method must be common, ceil or floor"};
  const auto real = as_number(input);
  if (!real) throw Failure{"type " + type_name(input) + " doesn't define __round__ method"};
  if (kind == "common" && as_integer(input)) return integer(rounded_integer(*as_integer(input), precision));
  if (kind == "common") return number(rounded(*real, precision));
  if (precision > 308) throw Failure{"int too large to convert to float"};
  const double scale = std::pow(10.0, static_cast<double>(std::max<std::int64_t>(precision, -400)));
  return number((kind == "ceil" ? std::ceil(*real * scale) : std::floor(*real * scale)) / scale);
}

Value file_size(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("filesizeformat", call, {"binary"});
  require_defined(input);
  const auto real = input.is_text() ? parse_real(input.text()) : as_number(input);
  if (!real) throw Failure{"filesizeformat: could not convert to a number: '" + type_name(input) + "'"};
  if (*real == 1) return text(machine.budget(), "1 Byte");
  const bool binary = bound.flag(0, false);
  const double base = binary ? 1024 : 1000;
  std::array<char, 400> buffer;
  if (*real < base) {
    if (std::isnan(*real) || std::fabs(*real) > 9e18) throw Failure{"filesizeformat: the number is no size"};
    return text(machine.budget(), std::to_string(static_cast<std::int64_t>(*real)) + " Bytes");
  }
  constexpr std::string_view prefixes = "kMGTPEZY";
  double unit = base;
  std::size_t at = 0;
  for (; at < prefixes.size(); ++at) {
    unit = std::pow(base, static_cast<double>(at + 2));
    if (*real < unit) break;
  }
  std::string prefix(1, prefixes[std::min(at, prefixes.size() - 1)]);
  if (binary) prefix = (prefix == "k" ? "K" : prefix) + "i";
  std::snprintf(buffer.data(), buffer.size(), "%.1f %sB", base * *real / unit, prefix.c_str());
  return text(machine.budget(), buffer.data());
}

}  // namespace

const Filters& number_filters() {
  static const Filters filters = {
      {"int", to_integer},
      {"float", to_float},
      {"abs", absolute},
      {"round", round},
      {"filesizeformat", file_size},
  };
  return filters;
}

}  // namespace luthier::text::jinja
