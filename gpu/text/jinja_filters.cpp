// Filters of texts and single values; find_filter() says where the others are.
#include "gpu/text/jinja_filters.hpp"

#include <algorithm>

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
  return like(input, text(machine.budget(), change(to_text(input, machine.budget()))));
}

Value title(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("title", call, {});
  return text(machine.budget(), title_filter_case(to_text(input, machine.budget())));
}

Value trim(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("trim", call, {"chars"});
  const std::string whole = to_text(input, machine.budget());
  std::optional<std::string_view> characters;
  if (bound.is_set(0)) characters = bound.text(0);
  return like(input, text(machine.budget(), std::string(strip(whole, Ends::both, characters))));
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
  return like(input, text(machine.budget(), std::move(out)));
}

Value truncate(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("truncate", call, {"length", "killwords", "end", "leeway"});
  const std::string end = bound.text(2, "...");
  const auto width = bound.whole(0, 255), leeway = bound.is_set(3) ? bound.whole(3, 5) : 5;
  const auto end_width = static_cast<std::int64_t>(count_code_points(end));
  if (width < end_width || leeway < 0)
    throw Failure{"truncate: expected length >= " + std::to_string(end_width)};
  const auto size = length(input);  // what is short enough may be anything that has a length
  if (size && static_cast<std::int64_t>(*size) - width <= leeway) return input;
  if (!input.is_text()) throw Failure{"truncate works on a string, not on '" + type_name(input) + "'"};
  std::string_view kept = between(input.text(), 0, static_cast<std::size_t>(width - end_width));
  if (!bound.flag(1, false))
    if (const auto blank = find_last(kept, " "); blank != std::string_view::npos) kept = kept.substr(0, blank);
  const Value shortened = like(input, text(machine.budget(), std::string(kept)));
  return binary("+", shortened, bound.has(2) ? bound.value(2) : text(machine.budget(), end), machine.budget());
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
  const auto formatted = [&](const Value& values) {
    return like(input, text(budget, percent_format(to_text(input, budget), values, budget, input.is_markup())));
  };
  if (call.named.empty()) return formatted(list(budget, call.positional, ListForm::tuple));
  DictMaker named(budget);
  for (const auto& [name, value] : call.named) named.set(name, value);
  return formatted(named.take());
}

Value center(Machine& machine, const Value& input, const Call& call) {
  const Bound bound("center", call, {"width"});
  const Value whole = like(input, text(machine.budget(), to_text(input, machine.budget())));
  return machine.call(*method(whole, "center"), {{integer(bound.whole(0, 80))}, {}});
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
    {"title", title},
    {"trim", trim},
    {"string", as_string},
    {"replace", replace},
    {"indent", indent},
    {"wordwrap", wrap_words},
    {"truncate", truncate},
    {"wordcount", word_count},
    {"format", format},
    {"center", center},
    {"default", otherwise},
    {"d", otherwise},
    {"tojson", to_json},
    {"attr", get_attribute},
};

}  // namespace

FilterFunction find_filter(std::string_view name) {
  for (const auto* known : {&filters, &number_filters(), &markup_filters(), &sequence_filters()})
    if (const auto at = known->find(name); at != known->end()) return at->second;
  return nullptr;
}

}  // namespace luthier::text::jinja
