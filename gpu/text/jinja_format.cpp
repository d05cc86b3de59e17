// Python's two ways to put values into a text.
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

constexpr std::int64_t width_max = 100'000;

struct Form {
  char kind = '\0';
  std::int64_t width = 0, precision = -1;
  char align = '\0';  // < > ^ =
  std::string fill = " ";
  char sign = '-';  // - (only negative numbers), + or blank
  bool alternate = false, grouped = false;
};

std::string padded(std::string text, const Form& form, char usual_align, Budget& budget) {
  const auto size = static_cast<std::int64_t>(count_code_points(text));
  if (size >= form.width) return text;
  if (form.width > width_max) throw Failure{"a format is too wide"};
  const auto room = static_cast<std::size_t>(form.width - size);
  budget.bytes(room * form.fill.size());
  const auto fill = [&](std::size_t count) {
    std::string out;
    while (count-- > 0) out += form.fill;
    return out;
  };
  const char align = form.align == '\0' ? usual_align : form.align;
  if (align == '<') return text + fill(room);
  if (align == '^') return fill(room / 2) + text + fill(room - room / 2);
  const bool is_signed = align == '=' && !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
  return is_signed ? text[0] + fill(room) + text.substr(1) : fill(room) + text;
}

std::string with_sign(std::string digits, bool is_negative, char sign) {
  if (is_negative) return "-" + digits;
  return sign == '-' ? digits : sign + digits;
}

void group_thousands(std::string& digits) {
  auto end = digits.find_first_of(".eE");
  if (end == std::string::npos) end = digits.size();
  for (auto at = static_cast<std::ptrdiff_t>(end) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
}

std::string integer_digits(std::int64_t value, const Form& form) {
  const auto magnitude = value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const int base = form.kind == 'x' || form.kind == 'X' ? 16 : form.kind == 'o' ? 8 : form.kind == 'b' ? 2 : 10;
  std::array<char, 72> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr;
  std::string digits(buffer.data(), end);
  if (form.kind == 'X')
    for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (form.alternate && base != 10) digits.insert(0, std::string("0") + form.kind);
  if (form.grouped) group_thousands(digits);
  return with_sign(std::move(digits), value < 0, form.sign);
}

std::string real_digits(double value, const Form& form) {
  if (form.precision > 400) throw Failure{"a format's precision is too large"};
  const char kind = form.kind == '%' ? 'f' : form.kind;
  const double shown = std::fabs(form.kind == '%' ? value * 100 : value);
  std::string digits;
  if (std::isnan(shown) || std::isinf(shown)) {
    digits = std::isnan(shown) ? "nan" : "inf";
  } else {
    const std::string format = std::string("%") + (form.alternate ? "#" : "") + ".*" + kind;
    std::array<char, 1024> buffer;
    const int length = std::snprintf(buffer.data(), buffer.size(), format.c_str(), static_cast<int>(form.precision < 0 ? 6 : form.precision), shown);
    digits.assign(buffer.data(), static_cast<std::size_t>(length));
  }
  if (form.grouped) group_thousands(digits);
  if (form.kind == '%') digits += '%';
  return with_sign(std::move(digits), std::signbit(value) && !std::isnan(value), form.sign);
}

std::string cut(std::string text, std::int64_t precision) {
  return precision < 0 ? text : std::string(between(text, 0, static_cast<std::size_t>(precision)));
}

std::int64_t number_at(const std::string& format, std::size_t& at) {
  std::int64_t value = 0;
  for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at) {
    value = value * 10 + (format[at] - '0');
    if (value > width_max) throw Failure{"a format is too wide"};
  }
  return value;
}

double required_number(const Value& value) {
  const auto real = as_number(value);
  if (!real) throw Failure{"a real number is required for a format, not " + type_name(value)};
  return *real;
}

std::int64_t required_integer(const Value& value) {
  if (const auto whole = as_integer(value)) return *whole;
  const double real = required_number(value);
  if (!(std::fabs(real) < 9.2e18)) throw Failure{"a number is too large for an integer format"};
  return static_cast<std::int64_t>(real);
}

std::string one_character(const Value& value) {
  if (value.is_text() && count_code_points(value.text()) == 1) return value.text();
  const auto code = as_integer(value);
  if (!code || *code < 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) throw Failure{"%c requires a character"};
  return to_utf8(std::u32string(1, static_cast<char32_t>(*code)));
}

std::string percent_converted(const Value& value, Form form, bool zero_padded, bool left, Budget& budget) {
  form.align = left ? '<' : zero_padded ? '=' : '>';
  form.fill = zero_padded && !left ? "0" : " ";
  switch (form.kind) {
    case 's':
    case 'r':
    case 'a': {
      if (!left) form.align = '>';
      form.fill = " ";
      return padded(cut(form.kind == 's' ? to_text(value, budget) : to_repr(value, budget), form.precision), form, '>', budget);
    }
    case 'd':
    case 'i':
    case 'u': form.kind = 'd'; return padded(integer_digits(required_integer(value), form), form, '>', budget);
    case 'x':
    case 'X':
    case 'o': return padded(integer_digits(required_integer(value), form), form, '>', budget);
    case 'c': {
      if (!left) form.align = '>';
      form.fill = " ";
      return padded(one_character(value), form, '>', budget);
    }
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G': return padded(real_digits(required_number(value), form), form, '>', budget);
    default: throw Failure{std::string("unsupported format character '") + form.kind + "'"};
  }
}

// The values of a % format, one after the other or by name.
class PercentValues {
 public:
  explicit PercentValues(const Value& value) : value_(value) {
    if (const auto* list = value.get<ListRef>(); list != nullptr && (*list)->form == ListForm::tuple) tuple_ = list->get();
    if (const auto* dict = value.get<DictRef>()) dict_ = dict->get();
  }
  const Value& next() {
    if (tuple_ != nullptr ? used_ == tuple_->items.size() : used_ == 1) throw Failure{"not enough arguments for format string"};
    return tuple_ != nullptr ? tuple_->items[used_++] : (++used_, value_);
  }
  const Value& named(const std::string& name) const {
    if (dict_ == nullptr) throw Failure{"format requires a mapping"};
    const Value* found = dict_->find(name);
    if (found == nullptr) throw Failure{"the format names '" + name + "', which is not there"};
    return *found;
  }
  void finish() const {
    if (dict_ == nullptr && used_ < (tuple_ != nullptr ? tuple_->items.size() : 1))
      throw Failure{"not all arguments converted during string formatting"};
  }

 private:
  const Value& value_;
  const List* tuple_ = nullptr;
  const Dict* dict_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace

std::string percent_format(const std::string& format, const Value& value, Budget& budget) {
  std::string out;
  PercentValues values(value);
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    const auto more = [&] {
      if (++at >= format.size()) throw Failure{"incomplete format"};
      return format[at];
    };
    Form form;
    const Value* chosen = nullptr;
    bool left = false, zeros = false;
    char c = more();
    if (c == '(') {
      const auto close = format.find(')', at);
      if (close == std::string::npos) throw Failure{"incomplete format key"};
      chosen = &values.named(format.substr(at + 1, close - at - 1));
      at = close;
      c = more();
    }
    for (; std::string_view("-+ #0").find(c) != std::string_view::npos; c = more()) {
      left = left || c == '-';
      zeros = zeros || c == '0';
      form.alternate = form.alternate || c == '#';
      if (c == '+' || (c == ' ' && form.sign == '-')) form.sign = c;
    }
    form.width = number_at(format, at);
    if (at < format.size() && format[at] == '.') form.precision = number_at(format, ++at);
    if (at >= format.size()) throw Failure{"incomplete format"};
    form.kind = format[at];
    budget.bytes(16);
    if (form.kind == '%') {
      out += '%';
    } else {
      out += percent_converted(chosen != nullptr ? *chosen : values.next(), form, zeros, left, budget);
    }
  }
  values.finish();
  return out;
}

namespace {

Form read_specification(const std::string& text) {
  Form form;
  std::size_t at = 0;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  const std::size_t first = text.empty() ? 0 : code_point_at(text, 0).bytes;
  if (first > 0 && first < text.size() && is_align(text[first])) {
    form.fill = text.substr(0, first);
    form.align = text[first];
    at = first + 1;
  } else if (!text.empty() && is_align(text[0])) {
    form.align = text[at++];
  }
  const auto here = [&] { return at < text.size() ? text[at] : '\0'; };
  if (here() == '+' || here() == '-' || here() == ' ') form.sign = text[at++];
  if (here() == '#') form.alternate = (++at, true);
  if (here() == '0' && form.align == '\0') {
    form.fill = "0";
    form.align = '=';
    ++at;
  }
  form.width = number_at(text, at);
  if (here() == ',') form.grouped = (++at, true);
  if (here() == '.') form.precision = number_at(text, ++at);
  if (at < text.size()) form.kind = text[at++];
  if (at != text.size()) throw Failure{"invalid format specifier '" + text.substr(0, 40) + "'"};
  return form;
}

std::string specified(const Value& value, const std::string& specification, Budget& budget) {
  if (specification.empty()) return to_text(value, budget);
  Form form = read_specification(specification);
  if (value.is_text() && (form.kind == '\0' || form.kind == 's')) return padded(cut(value.text(), form.precision), form, '<', budget);
  const bool is_whole = as_integer(value).has_value();
  if (is_whole && (form.kind == '\0' || std::string_view("dxXob").find(form.kind) != std::string_view::npos)) {
    if (form.kind == '\0') form.kind = 'd';
    return padded(integer_digits(*as_integer(value), form), form, '>', budget);
  }
  if (!as_number(value) || (form.kind != '\0' && std::string_view("fFeEgG%").find(form.kind) == std::string_view::npos))
    throw Failure{"the format specifier '" + specification.substr(0, 40) + "' does not fit '" + type_name(value) + "'"};
  if (form.kind != '\0') return padded(real_digits(*as_number(value), form), form, '>', budget);
  if (form.precision >= 0) throw Failure{"the format specifier '" + specification.substr(0, 40) + "' is not supported; add f, e or g"};
  return padded(with_sign(float_text(std::fabs(*as_number(value))), std::signbit(*as_number(value)), form.sign), form, '>', budget);
}

const Value& field_value(const std::string& name, const Call& call, std::size_t& next) {
  std::size_t index = 0;
  if (name.empty()) {
    index = next++;
  } else if (name.find_first_not_of("0123456789") == std::string::npos && name.size() < 9) {
    index = static_cast<std::size_t>(std::stoul(name));
  } else {
    if (name.find_first_of(".[") != std::string::npos) throw Failure{"attributes in a format are not supported"};
    for (const auto& [known, value] : call.named)
      if (known == name) return value;
    throw Failure{"the format names '" + name + "', which is not there"};
  }
  if (index >= call.positional.size()) throw Failure{"Replacement index " + std::to_string(index) + " out of range for positional args tuple"};
  return call.positional[index];
}

}  // namespace

std::string brace_format(const std::string& format, const Call& call, Budget& budget) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < format.size(); ++at) {
    const char c = format[at];
    const bool doubled = at + 1 < format.size() && format[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) ++at;
    if ((c != '{' && c != '}') || doubled) {
      out += c;
      continue;
    }
    const auto close = format.find_first_of("{}", at + 1);
    if (c == '}' || close == std::string::npos) throw Failure{"Single '" + std::string(1, c) + "' encountered in format string"};
    if (format[close] == '{') throw Failure{"a format in a format is not supported"};
    std::string field = format.substr(at + 1, close - at - 1), specification;
    if (const auto colon = field.find(':'); colon != std::string::npos) {
      specification = field.substr(colon + 1);
      field.resize(colon);
    }
    char conversion = '\0';
    if (const auto bang = field.find('!'); bang != std::string::npos) {
      conversion = bang + 1 < field.size() ? field[bang + 1] : '\0';
      field.resize(bang);
    }
    const Value& value = field_value(field, call, next);
    if (conversion == 'r' || conversion == 's') {
      const Value shown = text(budget, conversion == 'r' ? to_repr(value, budget) : to_text(value, budget));
      out += specified(shown, specification, budget);
    } else {
      out += specified(value, specification, budget);
    }
    at = close;
  }
  return out;
}

}  // namespace luthier::text::jinja
