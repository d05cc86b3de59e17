#include <cstdio>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_filters.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"

namespace luthier::text::jinja {
namespace {

Value escape(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("escape", call, {});
  return input.is_markup() ? input : marked(text(machine.budget(), as_markup(input, machine.budget())));
}

Value escape_again(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("forceescape", call, {});
  Budget& budget = machine.budget();
  return marked(text(budget, html_escaped(to_text(input, budget), budget)));
}

Value safe(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("safe", call, {});
  return marked(text(machine.budget(), to_text(input, machine.budget())));
}

// Of a query's names and values, a slash is a code and a blank a plus.
std::string url_quoted(std::string_view content, bool in_query) {
  std::string out;
  for (const char c : content) {
    const bool is_plain_sign = c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && !in_query);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || is_plain_sign;
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    if (c == ' ' && in_query) out += '+';
    else if (plain) out += c;
    else out += code;
  }
  return out;
}

Value url_encode(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("urlencode", call, {});
  Budget& budget = machine.budget();
  if (input.is_text() || !is_iterable(input)) {
    const std::string whole = to_text(input, budget);
    budget.bytes(2 * whole.size());
    return text(budget, url_quoted(whole, false));
  }
  std::vector<Value> pairs;
  if (const auto* dict = input.get<DictRef>()) {
    for (const auto& [key, value] : (*dict)->entries) pairs.push_back(list(budget, {key, value}, ListForm::tuple));
  } else {
    pairs = elements(input, budget);
  }
  std::string out;
  for (const auto& pair : pairs) {
    const auto parts = elements(pair, budget);
    if (parts.size() != 2) throw Failure{"urlencode: an element is no pair"};
    const std::string name = to_text(parts[0], budget), value = to_text(parts[1], budget);
    budget.bytes(2 * (name.size() + value.size()));
    out += (out.empty() ? "" : "&") + url_quoted(name, true) + "=" + url_quoted(value, true);
  }
  return text(budget, std::move(out));
}

// The names and values of an element; what is undefined or None is left out.
Value xml_attributes(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("xmlattr", call, {"autospace"});
  Budget& budget = machine.budget();
  require_defined(input);
  const auto* dict = input.get<DictRef>();
  if (dict == nullptr) throw Failure{"xmlattr works on a mapping, not on '" + type_name(input) + "'"};
  std::string out;
  for (const auto& [key, value] : (*dict)->entries) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_text()) throw Failure{"expected string or bytes-like object, got '" + type_name(key) + "'"};
    if (key.text().find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      throw Failure{"Invalid character in attribute name: " + text_repr(key.text())};
    out += (out.empty() ? "" : " ") + as_markup(key, budget) + "=\"" + as_markup(value, budget) + "\"";
  }
  if (bound.flag(0, true) && !out.empty()) out.insert(0, " ");
  return text(budget, std::move(out));
}

}  // namespace

const Filters& markup_filters() {
  static const Filters filters = {
      {"escape", escape},
      {"e", escape},
      {"forceescape", escape_again},
      {"safe", safe},
      {"urlencode", url_encode},
      {"xmlattr", xml_attributes},
  };
  return filters;
}

}  // namespace luthier::text::jinja
