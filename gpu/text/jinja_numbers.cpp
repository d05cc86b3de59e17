#include "gpu/text/jinja_numbers.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

constexpr std::int64_t width_max = 100'000;

std::string with_sign(std::string digits, bool is_negative, char sign) {
  if (is_negative) return "-" + digits;
  return sign == '-' ? digits : sign + digits;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Separators between groups of the digits in front. Zeros that fill the width are digits like others.
std::string grouped(std::string digits, const Form& form, std::size_t signs) {
  if (form.separator == '\0') return digits;
  const bool four = form.kind == 'x' || form.kind == 'X' || form.kind == 'o' || form.kind == 'b';
  std::size_t end = 0;
  while (end < digits.size() && (is_digit(digits[end]) || (four && std::isxdigit(static_cast<unsigned char>(digits[end]))))) ++end;
  const std::size_t size = four ? 4 : 3, rest = digits.size() - end + signs;
  std::string front = digits.substr(0, end);
  const auto separated = [&](std::size_t count) { return count + (count - 1) / size; };
  if (form.align == '=' && form.fill == "0")
    while (!front.empty() && static_cast<std::int64_t>(separated(front.size()) + rest) < form.width) front.insert(0, 1, '0');
  for (auto at = static_cast<std::ptrdiff_t>(front.size() - size); at > 0; at -= static_cast<std::ptrdiff_t>(size))
    front.insert(static_cast<std::size_t>(at), 1, form.separator);
  return front + digits.substr(end);
}

std::string printed(const std::string& format, std::int64_t precision, double value) {
  std::array<char, 1024> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), format.c_str(), static_cast<int>(precision), value);
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

// No kind but a precision: as %g, but an exponent comes one digit earlier, and a point is always there.
std::string general_digits(double value, std::int64_t precision) {
  precision = std::max<std::int64_t>(precision, 1);
  const std::string scientific = printed("%.*e", precision - 1, value);
  const auto point = std::atoi(scientific.c_str() + scientific.find('e') + 1) + 1;
  if (point > -4 && point < precision) {
    const std::string plain = printed("%.*g", precision, value);
    return plain.find('.') == std::string::npos ? plain + ".0" : plain;
  }
  std::string mantissa = scientific.substr(0, scientific.find('e'));
  if (mantissa.find('.') != std::string::npos) mantissa.erase(mantissa.find_last_not_of('0') + 1);
  if (mantissa.ends_with('.')) mantissa.pop_back();
  return mantissa + scientific.substr(scientific.find('e'));
}

}  // namespace

std::string padded(std::string text, const Form& form, char usual_align, Budget& budget) {
  const auto size = static_cast<std::int64_t>(count_code_points(text));
  if (size >= form.width) return text;
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
  std::size_t front = 0;
  if (align == '=' && !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ')) front = 1;
  const bool is_prefixed = form.alternate && text.size() > front + 1 && text[front] == '0' && std::isalpha(static_cast<unsigned char>(text[front + 1]));
  if (align == '=' && is_prefixed) front += 2;
  return text.substr(0, front) + fill(room) + text.substr(front);
}

std::string integer_digits(std::int64_t value, const Form& form) {
  const auto magnitude = value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const int base = form.kind == 'x' || form.kind == 'X' ? 16 : form.kind == 'o' ? 8 : form.kind == 'b' ? 2 : 10;
  std::array<char, 72> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr;
  std::string digits(buffer.data(), end);
  if (form.kind == 'X')
    for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (form.precision > static_cast<std::int64_t>(digits.size()))  // only of % formats
    digits.insert(0, static_cast<std::size_t>(form.precision) - digits.size(), '0');
  const bool prefixed = form.alternate && base != 10;
  digits = grouped(std::move(digits), form, (value < 0 || form.sign != '-' ? 1 : 0) + (prefixed ? 2 : 0));
  if (prefixed) digits.insert(0, std::string("0") + form.kind);
  return with_sign(std::move(digits), value < 0, form.sign);
}

std::string real_digits(double value, const Form& form) {
  if (form.precision > 400) throw Failure{"a format's precision is too large"};
  const char kind = form.kind == '%' ? 'f' : form.kind;
  const double shown = std::fabs(form.kind == '%' ? value * 100 : value);
  const bool is_negative = std::signbit(value) && !std::isnan(value);
  std::string digits;
  if (std::isnan(shown) || std::isinf(shown)) {
    digits = std::isnan(shown) ? "nan" : "inf";
    if (kind == 'F' || kind == 'E' || kind == 'G')
      for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  } else if (kind == '\0') {
    digits = form.precision < 0 ? float_text(shown) : general_digits(shown, form.precision);
  } else {
    digits = printed(std::string("%") + (form.alternate ? "#" : "") + ".*" + kind, form.precision < 0 ? 6 : form.precision, shown);
  }
  digits = grouped(std::move(digits), form, (is_negative || form.sign != '-' ? 1 : 0) + (form.kind == '%' ? 1 : 0));
  if (form.kind == '%') digits += '%';
  return with_sign(std::move(digits), is_negative, form.sign);
}

std::string cut(std::string text, std::int64_t precision) {
  return precision < 0 ? text : std::string(between(text, 0, std::min(static_cast<std::size_t>(precision), count_code_points(text))));
}

std::int64_t number_at(const std::string& format, std::size_t& at) {
  std::int64_t value = 0;
  for (; at < format.size() && is_digit(format[at]); ++at) {
    value = value * 10 + (format[at] - '0');
    if (value > width_max) throw Failure{"a format is too wide"};
  }
  return value;
}

}  // namespace luthier::text::jinja
