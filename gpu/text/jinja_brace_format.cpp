// "…".format(…), as Python's string.Formatter does it under Jinja's sandbox.
#include <algorithm>

#include "gpu/text/jinja_machine.hpp"
#include "gpu/text/jinja_numbers.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
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
  if (here() == '0' && form.fill == " ") {
    form.fill = "0";
    if (form.align == '\0') form.align = '0';  // "=" for numbers, the usual one for texts
    ++at;
  }
  form.width = number_at(text, at);
  if (here() == ',' || here() == '_') form.separator = text[at++];
  if (here() == '.') {
    if (++at >= text.size() || text[at] < '0' || text[at] > '9') throw Failure{"Format specifier missing precision"};
    form.precision = number_at(text, at);
  }
  if (at < text.size()) form.kind = text[at++];
  if (at != text.size()) throw Failure{"Invalid format specifier '" + text.substr(0, 40) + "'"};
  return form;
}

[[noreturn]] void does_not_fit(const std::string& specification, const Value& value) {
  throw Failure{"the format specifier '" + specification.substr(0, 40) + "' does not fit '" + type_name(value) + "'"};
}

bool is_one_of(char kind, std::string_view kinds) { return kind != '\0' && kinds.find(kind) != std::string_view::npos; }

std::string specified_text(const Value& value, Form form, const std::string& specification, Budget& budget) {
  const bool is_signed = specification.find_first_of("+- ") != std::string::npos && form.sign != '-';
  const bool is_of_numbers = is_signed || form.alternate || form.separator != '\0' || form.align == '=';
  if ((form.kind != '\0' && form.kind != 's') || is_of_numbers) does_not_fit(specification, value);
  if (form.align == '0') form.align = '<';
  return padded(cut(value.text(), form.precision), form, '<', budget);
}

std::string specified(const Value& value, const std::string& specification, Budget& budget) {
  if (specification.empty()) return to_text(value, budget);
  Form form = read_specification(specification);
  if (value.is_text()) return specified_text(value, form, specification, budget);
  if (!as_number(value)) does_not_fit(specification, value);
  if (form.align == '0') form.align = '=';
  if (form.kind == 'n') form.kind = as_integer(value) ? 'd' : 'g';  // by the locale, which is C's
  if (const auto whole = as_integer(value); whole && (form.kind == '\0' || is_one_of(form.kind, "dxXobc"))) {
    if (form.precision >= 0 || (form.separator == ',' && is_one_of(form.kind, "xXobc"))) does_not_fit(specification, value);
    if (form.kind == 'c') {
      const bool is_character = *whole >= 0 && *whole <= 0x10FFFF && (*whole < 0xD800 || *whole >= 0xE000);
      if (!is_character || form.sign != '-' || form.separator != '\0' || form.alternate) does_not_fit(specification, value);
      return padded(to_utf8(std::u32string(1, static_cast<char32_t>(*whole))), form, '<', budget);
    }
    if (form.kind == '\0') form.kind = 'd';
    return padded(integer_digits(*whole, form), form, '>', budget);
  }
  if (form.kind != '\0' && !is_one_of(form.kind, "fFeEgG%")) does_not_fit(specification, value);
  return padded(real_digits(*as_number(value), form), form, '>', budget);
}

class Formatter {
 public:
  Formatter(Machine& machine, const Call& call, bool escapes)
      : machine_(machine), budget_(machine.budget()), call_(call), escapes_(escapes) {}

  std::string run(const std::string& format, int levels = 2) {
    if (levels < 0) throw Failure{"Max string recursion exceeded"};
    std::string out;
    for (std::size_t at = 0; at < format.size(); ++at) {
      const char c = format[at];
      const bool doubled = at + 1 < format.size() && format[at + 1] == c;
      if ((c == '{' || c == '}') && doubled) ++at;
      if ((c != '{' && c != '}') || doubled) {
        out += c;
        continue;
      }
      if (c == '}') throw Failure{"Single '}' encountered in format string"};
      const auto close = end_of_field(format, at + 1);
      out += field(format.substr(at + 1, close - at - 1), levels);
      budget_.step();
      at = close;
    }
    return out;
  }

 private:
  static std::size_t end_of_field(const std::string& format, std::size_t at) {
    if (at >= format.size()) throw Failure{"Single '{' encountered in format string"};
    for (int open = 1; at < format.size(); ++at) {
      if (format[at] == '{') ++open;
      if (format[at] == '}' && --open == 0) return at;
    }
    throw Failure{"expected '}' before end of string"};
  }

  std::string field(const std::string& whole, int levels) {
    std::size_t at = 0;
    while (at < whole.size() && whole[at] != ':' && whole[at] != '!') {
      if (whole[at] == '{') throw Failure{"unexpected '{' in field name"};
      if (whole[at] == '[') at = std::min(whole.find(']', at), whole.size() - 1);
      ++at;
    }
    const std::string name = whole.substr(0, at);
    char conversion = '\0';
    if (at < whole.size() && whole[at] == '!') {
      if (at + 1 >= whole.size() || (at + 2 < whole.size() && whole[at + 2] != ':'))
        throw Failure{"expected ':' after conversion specifier"};
      conversion = whole[at + 1];
      at += 2;
    }
    const Value value = converted(field_value(name), conversion);
    const std::string specification = at < whole.size() ? run(whole.substr(at + 1), levels - 1) : "";
    if (!escapes_) return specified(value, specification, budget_);
    if (!value.is_markup()) return html_escaped(specified(value, specification, budget_), budget_);
    if (!specification.empty()) throw Failure{"Unsupported format specification for Markup."};
    return value.text();
  }

  Value converted(const Value& value, char conversion) {
    if (conversion == '\0') return value;
    if (conversion == 's') return text(budget_, to_text(value, budget_));
    if (conversion == 'r') return text(budget_, to_repr(value, budget_));
    if (conversion == 'a') return text(budget_, percent_format("%a", list(budget_, {value}, ListForm::tuple), budget_));
    throw Failure{std::string("Unknown conversion specifier ") + conversion};
  }

  Value field_value(std::string name) {
    const auto is_number = [](const std::string& text) {
      return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
    };
    if (name.empty() ? numbered_ : is_number(name) && counted_)
      throw Failure{"cannot switch between manual field specification and automatic field numbering"};
    if (name.empty()) {
      counted_ = true;
      name = std::to_string(next_++);
    } else {
      numbered_ = numbered_ || is_number(name);
    }
    std::size_t at = std::min(name.find_first_of(".["), name.size());
    const std::string first = name.substr(0, at);
    Value value = is_number(first) ? positional(std::stoul(first)) : named(first);
    while (at < name.size()) {
      const bool is_attribute = name[at] == '.';
      if (!is_attribute && name[at] != '[') throw Failure{"Only '.' or '[' may follow ']' in format field specifier"};
      const auto end = std::min(is_attribute ? name.find_first_of(".[", at + 1) : name.find(']', at + 1), name.size());
      const std::string part = name.substr(at + 1, end - at - 1);
      if (part.empty() || (!is_attribute && end == name.size())) throw Failure{"Empty attribute in format string"};
      value = is_attribute ? machine_.attribute(value, part)
                           : machine_.item(value, is_number(part) ? integer(std::stoll(part)) : text(budget_, part));
      at = is_attribute ? end : end + 1;
    }
    return value;
  }

  const Value& positional(std::size_t index) const {
    if (index < call_.positional.size()) return call_.positional[index];
    throw Failure{"Replacement index " + std::to_string(index) + " out of range for positional args tuple"};
  }

  const Value& named(const std::string& name) const {
    for (const auto& [known, value] : call_.named)
      if (known == name) return value;
    throw Failure{"the format names '" + name.substr(0, 60) + "', which is not there"};
  }

  Machine& machine_;
  Budget& budget_;
  const Call& call_;
  const bool escapes_;
  std::size_t next_ = 0;
  bool counted_ = false, numbered_ = false;  // {} and {0} were there
};

}  // namespace

std::string brace_format(Machine& machine, const std::string& format, const Call& call, bool escapes) {
  return Formatter(machine, call, escapes).run(format);
}

}  // namespace luthier::text::jinja
