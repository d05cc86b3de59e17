// Filters of texts, numbers and single values. Those of sequences are in jinja_sequence_filters.cpp.
#include "gpu/text/jinja_filters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_json.hpp"
#include "gpu/text/jinja_machine.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/unicode.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

template <std::string (*change)(std::string_view)>
Value changed(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("filter", call, {});
  return text(machine.budget(), change(to_text(input, machine.budget())));
}

Value trim(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("trim", call, {"chars"});
  const std::string whole = to_text(input, machine.budget());
  std::optional<std::string_view> characters;
  if (bound.is_set(0)) characters = bound.text(0);
  return text(machine.budget(), std::string(strip(whole, Ends::both, characters)));
}

Value as_string(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("string", call, {});
  return input.is_text() ? input : text(machine.budget(), to_text(input, machine.budget()));
}

Value replace(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("replace", call, {"old", "new", "count"});
  Budget& budget = machine.budget();
  const std::string whole = to_text(input, budget), from = to_text(bound.value(0), budget), to = to_text(bound.value(1), budget);
  budget.bytes(replaced_bytes(whole, from, to));
  return text(budget, replaced(whole, from, to, bound.is_set(2) ? bound.whole(2, -1) : -1));
}

Value indent(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("indent", call, {"width", "first", "blank"});
  require_defined(input);
  if (!input.is_text()) throw Failure{"indent works on a string, not on '" + type_name(input) + "'"};
  std::string indention;
  if (bound.has(0) && bound.value(0).is_text()) {
    indention = bound.text(0);
  } else {
    const auto width = bound.whole(0, 4);
    if (width > 100'000) throw Failure{"an indention is too wide"};
    indention.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
  }
  const bool blank = bound.flag(2, false);
  const auto lines = split_lines(input.text() + "\n");
  machine.budget().bytes(input.text().size() + lines.size() * (indention.size() + 1));
  std::string out = bound.flag(1, false) ? indention : "";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (blank || !lines[i].empty())) out += indention;
    out += lines[i];
  }
  return text(machine.budget(), std::move(out));
}

Value escape(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("escape", call, {});
  std::string out;
  for (const char c : to_text(input, machine.budget())) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return text(machine.budget(), std::move(out));
}

Value url_encode(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("urlencode", call, {});
  if (!input.is_text()) throw Failure{"urlencode works on a string, not on '" + type_name(input) + "'"};
  std::string out;
  for (const char c : input.text()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && std::string_view("_.-~/").find(c) != std::string_view::npos);
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += plain ? std::string(1, c) : code;
  }
  return text(machine.budget(), std::move(out));
}

Value truncate(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("truncate", call, {"length", "killwords", "end", "leeway"});
  require_defined(input);
  if (!input.is_text()) throw Failure{"truncate works on a string, not on '" + type_name(input) + "'"};
  const std::string end = bound.text(2, "...");
  const auto width = bound.whole(0, 255), leeway = bound.is_set(3) ? bound.whole(3, 5) : 5;
  const auto end_width = static_cast<std::int64_t>(count_code_points(end));
  if (width < end_width || leeway < 0 || width > INT32_MAX || leeway > INT32_MAX) throw Failure{"truncate: expected length >= " + std::to_string(end_width)};
  if (static_cast<std::int64_t>(count_code_points(input.text())) <= width + leeway) return input;
  std::string_view kept = between(input.text(), 0, static_cast<std::size_t>(width - end_width));
  if (!bound.flag(1, false))
    if (const auto blank = find_last(kept, " "); blank != std::string_view::npos) kept = kept.substr(0, blank);
  return text(machine.budget(), std::string(kept) + end);
}

Value word_count(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("wordcount", call, {});
  std::int64_t count = 0;
  bool inside = false;
  for (const char32_t c : to_utf32(to_text(input, machine.budget()))) {
    const bool word = is_alphanumeric(c) || c == '_';  // what \w is to Python: no marks
    count += word && !inside;
    inside = word;
  }
  return integer(count);
}

Value format(Machine& machine, const Value& input, const Call& call) {
  Budget& budget = machine.budget();
  if (!call.positional.empty() && !call.named.empty()) throw Failure{"can't handle positional and keyword arguments at the same time"};
  if (call.named.empty()) return text(budget, percent_format(to_text(input, budget), list(budget, call.positional, ListForm::tuple), budget));
  DictMaker named(budget);
  for (const auto& [name, value] : call.named) named.set(name, value);
  return text(budget, percent_format(to_text(input, budget), named.take(), budget));
}

Value center(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("center", call, {"width"});
  const Value whole = text(machine.budget(), to_text(input, machine.budget()));
  return machine.call(*method(whole, "center"), {{integer(bound.whole(0, 80))}, {}});
}

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
  const double scale = std::pow(10.0, static_cast<double>(std::clamp<std::int64_t>(precision, -300, 300)));
  return number((kind == "ceil" ? std::ceil(*real * scale) : std::floor(*real * scale)) / scale);
}

Value otherwise(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("default", call, {"default_value", "boolean"});
  const bool missing = input.is_undefined() || (bound.flag(1, false) && !is_true(input));
  if (!missing) return input;
  return bound.has(0) ? bound.value(0) : text(machine.budget(), "");
}

Value to_json(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("tojson", call, {"ensure_ascii", "indent", "separators", "sort_keys"});
  DumpOptions options;
  options.ensure_ascii = bound.flag(0, false);
  options.sort_keys = bound.flag(3, false);
  if (bound.is_set(1)) {
    const bool is_text = bound.value(1).is_text();
    const std::int64_t width = is_text ? 0 : std::max<std::int64_t>(bound.whole(1, 0), 0);
    if (width > 1000) throw Failure{"tojson: the indention is too wide"};
    options.indent = is_text ? bound.text(1) : std::string(static_cast<std::size_t>(width), ' ');
  }
  if (bound.is_set(2)) {
    const auto separators = elements(bound.value(2), machine.budget());
    if (separators.size() != 2 || !separators[0].is_text() || !separators[1].is_text()) throw Failure{"tojson: separators are not two strings"};
    options.item_separator = separators[0].text();
    options.key_separator = separators[1].text();
  }
  return text(machine.budget(), dump_json(input, options, machine.budget()));
}

Value get_attribute(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("attr", call, {"name"});
  require_defined(input);
  // Unlike a dot it does not look among a dictionary's keys.
  if (input.is<DictRef>()) {
    auto found = method(input, bound.text(0));
    return found ? *std::move(found) : undefined("'dict object' has no attribute '" + bound.text(0) + "'");
  }
  return machine.attribute(input, bound.text(0));
}

const std::unordered_map<std::string_view, FilterFunction> filters = {
    {"upper", changed<upper>},
    {"lower", changed<lower>},
    {"capitalize", changed<capitalised>},
    {"title", changed<title_filter_case>},
    {"trim", trim},
    {"string", as_string},
    {"safe", as_string},
    {"replace", replace},
    {"indent", indent},
    {"escape", escape},
    {"e", escape},
    {"forceescape", escape},
    {"urlencode", url_encode},
    {"truncate", truncate},
    {"wordcount", word_count},
    {"format", format},
    {"center", center},
    {"int", to_integer},
    {"float", to_float},
    {"abs", absolute},
    {"round", round},
    {"default", otherwise},
    {"d", otherwise},
    {"tojson", to_json},
    {"attr", get_attribute},
};

}  // namespace

FilterFunction find_filter(std::string_view name) {
  if (const auto at = filters.find(name); at != filters.end()) return at->second;
  const auto& sequences = sequence_filters();
  const auto at = sequences.find(name);
  return at == sequences.end() ? nullptr : at->second;
}

}  // namespace luthier::text::jinja
