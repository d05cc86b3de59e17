// "…" % values.
#include <array>
#include <cmath>
#include <cstdio>

#include "gpu/text/jinja_numbers.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

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

// What Python's ascii() makes of a repr().
std::string only_ascii(const std::string& text) {
  std::string out;
  for (const char32_t c : to_utf32(text)) {
    std::array<char, 12> code{static_cast<char>(c)};
    if (c >= 128) std::snprintf(code.data(), code.size(), c < 256 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", static_cast<unsigned>(c));
    out.append(code.data(), c < 128 ? 1 : std::string_view(code.data()).size());
  }
  return out;
}

std::string percent_converted(const Value& value, Form form, bool zero_padded, bool left, Budget& budget, bool escapes) {
  form.align = left ? '<' : zero_padded ? '=' : '>';
  form.fill = zero_padded && !left ? "0" : " ";
  switch (form.kind) {
    case 's':
    case 'r':
    case 'a': {
      if (!left) form.align = '>';
      form.fill = " ";
      std::string shown = form.kind == 's' ? to_text(value, budget) : to_repr(value, budget);
      if (escapes && !(form.kind == 's' && value.is_markup())) shown = html_escaped(shown, budget);
      return padded(cut(form.kind == 'a' ? only_ascii(shown) : shown, form.precision), form, '>', budget);
    }
    case 'd':
    case 'i':
    case 'u': form.kind = 'd'; return padded(integer_digits(required_integer(value), form), form, '>', budget);
    case 'x':
    case 'X':
    case 'o': {
      const auto whole = as_integer(value);
      if (!whole) throw Failure{std::string("%") + form.kind + " format: an integer is required, not " + type_name(value)};
      return padded(integer_digits(*whole, form), form, '>', budget);
    }
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
    const auto* list = value.get<ListRef>();
    if (list != nullptr && (*list)->form == ListForm::tuple) tuple_ = list->get();
    if (const auto* dict = value.get<DictRef>()) dict_ = dict->get();
    const bool is_list = list != nullptr && ((*list)->form == ListForm::list || (*list)->form == ListForm::range);
    may_be_left_ = dict_ != nullptr || value.is_undefined() || is_list;
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
    if (!may_be_left_ && used_ < (tuple_ != nullptr ? tuple_->items.size() : 1))
      throw Failure{"not all arguments converted during string formatting"};
  }

 private:
  const Value& value_;
  const List* tuple_ = nullptr;
  const Dict* dict_ = nullptr;
  bool may_be_left_ = false;  // what can be subscripted need not be used: Python takes it for a mapping
  std::size_t used_ = 0;
};

}  // namespace

std::string percent_format(const std::string& format, const Value& value, Budget& budget, bool escapes) {
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
    if (at < format.size() && std::string_view("hlL").find(format[at]) != std::string_view::npos) ++at;  // as in C, without meaning
    if (at >= format.size()) throw Failure{"incomplete format"};
    form.kind = format[at];
    budget.bytes(16);
    if (form.kind == '%') {
      out += '%';
    } else {
      out += percent_converted(chosen != nullptr ? *chosen : values.next(), form, zeros, left, budget, escapes);
    }
  }
  values.finish();
  return out;
}

}  // namespace luthier::text::jinja
