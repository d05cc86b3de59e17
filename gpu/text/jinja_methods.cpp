// The methods of texts, lists, dictionaries and loops. Those that would change a value give an undefined value that says so,
// as in Jinja's immutable sandbox.
#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_machine.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/unicode.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

using TextMethod = Value (*)(Budget& budget, const std::string& self, const Call& call);

Value texts(Budget& budget, std::vector<std::string> parts, ListForm form = ListForm::list) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (auto& part : parts) items.push_back(text(budget, std::move(part)));
  budget.step(items.size());
  return list(budget, std::move(items), form);
}

std::optional<std::string_view> optional_text(const Bound& bound, std::size_t parameter) {
  if (!bound.is_set(parameter)) return std::nullopt;
  return std::string_view(bound.text(parameter));
}

template <std::string (*change)(std::string_view)>
Value changed(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("method", call, {});
  return text(budget, change(self));
}

template <Ends ends>
Value stripped(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("strip", call, {"chars"});
  return text(budget, std::string(strip(self, ends, optional_text(bound, 0))));
}

template <bool from_right>
Value split_text(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("split", call, {"sep", "maxsplit"});
  const auto separator = optional_text(bound, 0);
  if (separator && separator->empty()) throw Failure{"empty separator"};
  budget.bytes(self.size() * 2);
  const auto splits = bound.whole(1, -1);
  return texts(budget, from_right ? split_from_right(self, separator, splits) : split(self, separator, splits));
}

Value split_into_lines(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("splitlines", call, {"keepends"});
  return texts(budget, split_lines(self, bound.whole(0, 0) != 0));
}

// The part between two positions that may be negative, for the methods that take a start and an end.
// None: it starts behind its own end, or behind the text's, where not even an empty text can be found.
std::optional<std::string_view> window(const std::string& self, const Bound& bound) {
  if (!bound.is_set(1) && !bound.is_set(2)) return self;
  const auto size = static_cast<std::int64_t>(count_code_points(self));
  const auto position = [&](std::size_t parameter, std::int64_t otherwise) {
    const std::int64_t at = bound.is_set(parameter) ? bound.whole(parameter, 0) : otherwise;
    return static_cast<std::size_t>(std::clamp<std::int64_t>(at < 0 && at >= -size ? at + size : at, 0, size));
  };
  const auto begin = position(1, 0), end = position(2, size);
  if (begin > end || (bound.is_set(1) && bound.whole(1, 0) > size)) return std::nullopt;
  const auto from = std::string_view(self).substr(between(self, 0, begin).size());
  return from.substr(0, between(from, 0, end - begin).size());
}

template <bool at_end>
Value starts_or_ends(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound(at_end ? "endswith" : "startswith", call, {"prefix", "start", "end"});
  const auto part = window(self, bound);
  const auto matches = [&](const Value& value) {
    if (!value.is_text())
      throw Failure{std::string(at_end ? "endswith" : "startswith") + " first arg must be str or a tuple of str, not " + type_name(value)};
    return part && (at_end ? part->ends_with(value.text()) : part->starts_with(value.text()));
  };
  const Value& wanted = bound.value(0);
  const auto* several = wanted.get<ListRef>();
  if (several == nullptr || (*several)->form != ListForm::tuple) return boolean(matches(wanted));
  budget.step((*several)->items.size());
  return boolean(std::any_of((*several)->items.begin(), (*several)->items.end(), matches));
}

Value replace_text(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("replace", call, {"old", "new", "count"});
  budget.bytes(replaced_bytes(self, bound.text(0), bound.text(1)));
  return text(budget, replaced(self, bound.text(0), bound.text(1), bound.whole(2, -1)));
}

enum class Missing { minus_one, failure };

template <bool from_right, Missing missing>
Value find_text(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound(from_right ? "rfind" : "find", call, {"sub", "start", "end"});
  const auto part = window(self, bound);
  budget.step(self.size() / 16);
  const auto& wanted = bound.text(0);
  const auto at = !part ? std::string_view::npos : from_right ? find_last(*part, wanted) : find(*part, wanted);
  if (at == std::string_view::npos && missing == Missing::failure) throw Failure{"substring not found"};
  if (at == std::string_view::npos) return integer(-1);
  const auto before = std::string_view(self).substr(0, static_cast<std::size_t>(part->data() - self.data()) + at);
  return integer(static_cast<std::int64_t>(count_code_points(before)));
}

Value count_text(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("count", call, {"sub", "start", "end"});
  const auto part = window(self, bound);
  const auto& wanted = bound.text(0);
  budget.step(self.size() / 16);
  if (!part) return integer(0);
  if (wanted.empty()) return integer(static_cast<std::int64_t>(count_code_points(*part)) + 1);
  std::int64_t count = 0;
  for (auto at = find(*part, wanted); at != std::string_view::npos; at = find(*part, wanted, at + wanted.size())) ++count;
  return integer(count);
}

Value join_texts(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("join", call, {"iterable"});
  std::string whole;
  bool first = true;
  for (const auto& item : elements(bound.value(0), budget)) {
    if (!item.is_text()) throw Failure{"sequence item: expected str instance, " + type_name(item) + " found"};
    if (!std::exchange(first, false)) whole += self;
    whole += item.text();
    budget.bytes(self.size() + item.text().size());
  }
  return text(budget, std::move(whole));
}

template <bool (*holds)(char32_t)>
Value every_character(Budget&, const std::string& self, const Call&) {
  return boolean(jinja::all_of(self, holds));
}

template <bool (*holds)(std::string_view)>
Value whole_text(Budget&, const std::string& self, const Call&) {
  return boolean(holds(self));
}

bool is_titled(std::string_view self) { return title_case(self) == self && (is_upper(self) || is_lower(self) || lower(self) != self); }

template <bool at_end>
Value without_affix(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound(at_end ? "removesuffix" : "removeprefix", call, {"affix"});
  const auto& affix = bound.text(0);
  std::string_view rest = self;
  if (at_end && rest.ends_with(affix)) rest.remove_suffix(affix.size());
  if (!at_end && rest.starts_with(affix)) rest.remove_prefix(affix.size());
  return text(budget, std::string(rest));
}

enum class Side { left, right, both };

template <Side text_side>
Value justified(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("justify", call, {"width", "fillchar"});
  const auto size = static_cast<std::int64_t>(count_code_points(self));
  const std::string fill = bound.text(1, " ");
  if (count_code_points(fill) != 1) throw Failure{"The fill character must be exactly one character long"};
  const auto room = static_cast<std::size_t>(std::max<std::int64_t>(bound.whole(0, 0) - size, 0));
  if (room > (std::size_t{1} << 28)) throw Failure{"the template takes too much memory"};
  budget.bytes(room * fill.size());
  // Where the odd blank goes is Python's rule: it depends on the width.
  const auto left = text_side == Side::left ? 0 : text_side == Side::right ? room : room / 2 + (room & (room + static_cast<std::size_t>(size)) & 1);
  std::string out;
  for (std::size_t i = 0; i < left; ++i) out += fill;
  out += self;
  for (std::size_t i = left; i < room; ++i) out += fill;
  return text(budget, std::move(out));
}

Value zero_filled(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("zfill", call, {"width"});
  const auto size = static_cast<std::int64_t>(count_code_points(self));
  const auto room = static_cast<std::size_t>(std::max<std::int64_t>(bound.whole(0, 0) - size, 0));
  if (room > (std::size_t{1} << 28)) throw Failure{"the template takes too much memory"};
  budget.bytes(room);
  const std::size_t sign = !self.empty() && (self[0] == '-' || self[0] == '+') ? 1 : 0;
  return text(budget, self.substr(0, sign) + std::string(room, '0') + self.substr(sign));
}

template <bool from_right>
Value partitioned(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("partition", call, {"sep"});
  const auto& separator = bound.text(0);
  if (separator.empty()) throw Failure{"empty separator"};
  const auto at = from_right ? find_last(self, separator) : find(self, separator);
  if (at == std::string_view::npos) return texts(budget, from_right ? std::vector<std::string>{"", "", self} : std::vector<std::string>{self, "", ""}, ListForm::tuple);
  return texts(budget, {self.substr(0, at), separator, self.substr(at + separator.size())}, ListForm::tuple);
}

Value is_ascii(Budget&, const std::string& self, const Call& call) {
  const Bound bound("isascii", call, {});
  return boolean(std::all_of(self.begin(), self.end(), [](char c) { return static_cast<unsigned char>(c) < 128; }));
}

// Unlike the others of its kind it is true of an empty text.
Value is_all_printable(Budget&, const std::string& self, const Call& call) {
  const Bound bound("isprintable", call, {});
  return boolean(self.empty() || jinja::all_of(self, is_printable));
}

Value tabs_expanded(Budget& budget, const std::string& self, const Call& call) {
  const Bound bound("expandtabs", call, {"tabsize"});
  const auto columns = bound.whole(0, 8);
  if (columns > 1000) throw Failure{"expandtabs: the tab size is above 1000"};
  const auto width = static_cast<std::size_t>(std::max<std::int64_t>(columns, 0));
  budget.bytes(width * static_cast<std::size_t>(std::count(self.begin(), self.end(), '\t')));
  return text(budget, with_expanded_tabs(self, width));
}

Value formatted(Machine& machine, const Value& self, const Call& call) {
  return like(self, text(machine.budget(), brace_format(machine, self.text(), call, self.is_markup())));
}

Value formatted_by_map(Machine& machine, const Value& self, const Call& call) {
  const Bound bound("format_map", call, {"mapping"});
  const auto* dict = bound.value(0).get<DictRef>();
  if (dict == nullptr) throw Failure{"format_map() takes a mapping, not '" + type_name(bound.value(0)) + "'"};
  Call named;
  for (const auto& [key, value] : (*dict)->entries)
    if (key.is_text()) named.named.emplace_back(key.text(), value);
  return formatted(machine, self, named);
}

const std::unordered_map<std::string_view, TextMethod> text_methods = {
    {"upper", changed<upper>},
    {"lower", changed<lower>},
    {"casefold", changed<case_folded>},
    {"capitalize", changed<capitalised>},
    {"title", changed<title_case>},
    {"swapcase", changed<swapped_case>},
    {"strip", stripped<Ends::both>},
    {"lstrip", stripped<Ends::left>},
    {"rstrip", stripped<Ends::right>},
    {"split", split_text<false>},
    {"rsplit", split_text<true>},
    {"splitlines", split_into_lines},
    {"startswith", starts_or_ends<false>},
    {"endswith", starts_or_ends<true>},
    {"replace", replace_text},
    {"find", find_text<false, Missing::minus_one>},
    {"rfind", find_text<true, Missing::minus_one>},
    {"index", find_text<false, Missing::failure>},
    {"rindex", find_text<true, Missing::failure>},
    {"count", count_text},
    {"join", join_texts},
    {"isalpha", every_character<is_alphabetic>},
    {"isalnum", every_character<is_alphanumeric>},
    {"isdigit", every_character<is_digit>},
    {"isdecimal", every_character<is_decimal>},
    {"isnumeric", every_character<is_numeric>},
    {"isspace", every_character<is_python_space>},
    {"isupper", whole_text<is_upper>},
    {"islower", whole_text<is_lower>},
    {"istitle", whole_text<is_titled>},
    {"removeprefix", without_affix<false>},
    {"removesuffix", without_affix<true>},
    {"ljust", justified<Side::left>},
    {"rjust", justified<Side::right>},
    {"center", justified<Side::both>},
    {"zfill", zero_filled},
    {"partition", partitioned<false>},
    {"rpartition", partitioned<true>},
    {"isascii", is_ascii},
    {"isprintable", is_all_printable},
    {"isidentifier", whole_text<is_identifier>},
    {"expandtabs", tabs_expanded},
};

Value get_member(Machine& machine, const Dict& dict, const Call& call) {
  const Bound bound("get", call, {"key", "default"});
  const Value* found = dict.find(bound.value(0), machine.budget());
  return found != nullptr ? *found : bound.has(1) ? bound.value(1) : none();
}

Value view(Machine& machine, const Dict& dict, ListForm form) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.entries) {
    if (form == ListForm::items) {
      items.push_back(list(machine.budget(), {key, value}, ListForm::tuple));
    } else {
      items.push_back(form == ListForm::keys ? key : value);
    }
  }
  machine.budget().step(items.size());
  return list(machine.budget(), std::move(items), form);
}

std::optional<Value> dict_method(const Value& value, std::string_view name) {
  const DictRef dict = std::get<DictRef>(value.held);
  const auto make = [&](auto function) {
    return callable(std::string(name), [dict, function](Machine& machine, const Call& call) { return function(machine, *dict, call); }, value);
  };
  const auto make_view = [&](ListForm form) {
    return make([form](Machine& machine, const Dict& self, const Call& call) {
      const Bound bound("items", call, {});
      return view(machine, self, form);
    });
  };
  if (name == "get") return make(get_member);
  if (name == "items") return make_view(ListForm::items);
  if (name == "keys") return make_view(ListForm::keys);
  if (name == "values") return make_view(ListForm::values);
  // Nothing can change either of the two.
  if (name == "copy") return callable("copy", [value](Machine&, const Call&) { return value; }, value);
  return std::nullopt;
}

Value index_of(Machine& machine, const List& self, const Call& call) {
  const Bound bound("index", call, {"value"});
  for (std::size_t i = 0; i < self.items.size(); ++i)
    if (equal(self.items[i], bound.value(0), machine.budget())) return integer(static_cast<std::int64_t>(i));
  throw Failure{to_repr(bound.value(0), machine.budget()) + " is not in list"};
}

Value count_of(Machine& machine, const List& self, const Call& call) {
  const Bound bound("count", call, {"value"});
  return integer(std::count_if(self.items.begin(), self.items.end(),
                               [&](const Value& item) { return equal(item, bound.value(0), machine.budget()); }));
}

std::optional<Value> list_method(const Value& value, std::string_view name) {
  const ListRef self = std::get<ListRef>(value.held);
  if (self->form > ListForm::range) return std::nullopt;
  const auto make = [&](auto function) {
    return callable(std::string(name), [self, function](Machine& machine, const Call& call) { return function(machine, *self, call); }, value);
  };
  if (name == "index") return make(index_of);
  if (name == "count") return make(count_of);
  if (name == "copy" && self->form == ListForm::list) return callable("copy", [value](Machine&, const Call&) { return value; }, value);
  return std::nullopt;
}

// What whole numbers and real ones have in common, and what only one kind has.
std::optional<Value> number_member(const Value& value, std::string_view name) {
  const auto whole = as_integer(value);
  const Value plain = whole ? integer(*whole) : value;
  const auto gives = [&](Value result) {
    return callable(std::string(name), [result, name = std::string(name)](Machine&, const Call& call) {
      const Bound bound(name, call, {});
      return result;
    });
  };
  if (name == "real") return plain;
  if (name == "imag") return whole ? integer(0) : number(0);
  if (name == "conjugate") return gives(plain);
  if (const auto* real = value.get<double>(); real != nullptr && name == "is_integer")
    return gives(boolean(std::isfinite(*real) && *real == std::floor(*real)));
  if (!whole) return std::nullopt;
  const auto magnitude = *whole < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(*whole) : static_cast<std::uint64_t>(*whole);
  if (name == "numerator") return plain;
  if (name == "denominator") return integer(1);
  if (name == "bit_length") return gives(integer(std::bit_width(magnitude)));
  if (name == "bit_count") return gives(integer(std::popcount(magnitude)));
  return std::nullopt;
}

std::optional<Value> loop_method(const Value& value, std::string_view name) {
  Loop* loop = std::get<Loop*>(value.held);
  if (name == "cycle") return callable("cycle", [loop](Machine&, const Call& call) { return loop->cycle(call); });
  if (name == "changed")
    return callable("changed", [loop](Machine& machine, const Call& call) { return boolean(loop->changed(call, machine.budget())); });
  return std::nullopt;
}

// Of the methods of markup, those that take texts in take them escaped.
Call escaped_for(std::string_view name, const Call& call, Budget& budget) {
  Call result = call;
  const bool joins = name == "join", replaces = name == "replace", pads = name == "ljust" || name == "rjust" || name == "center";
  if ((replaces || pads) && result.positional.size() > 1 && result.positional[1].is_text())
    result.positional[1] = text(budget, as_markup(result.positional[1], budget));
  if (joins && result.positional.size() == 1 && is_iterable(result.positional[0])) {
    auto items = elements(result.positional[0], budget);
    for (auto& item : items) item = text(budget, as_markup(item, budget));
    result.positional[0] = list(budget, std::move(items));
  }
  return result;
}

bool changes_it(const Value& value, std::string_view name) {
  constexpr std::string_view of_list[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  constexpr std::string_view of_dict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (value.is<DictRef>()) return std::find(std::begin(of_dict), std::end(of_dict), name) != std::end(of_dict);
  const auto* list = value.get<ListRef>();
  return list != nullptr && (*list)->form == ListForm::list && std::find(std::begin(of_list), std::end(of_list), name) != std::end(of_list);
}

}  // namespace

std::optional<Value> method(const Value& value, std::string_view name) {
  if (value.is_text()) {
    if (name == "format" || name == "format_map")
      return callable(std::string(name), [value, is_map = name == "format_map"](Machine& machine, const Call& call) {
        machine.budget().step(value.text().size() / 16 + 1);
        return is_map ? formatted_by_map(machine, value, call) : formatted(machine, value, call);
      });
    const auto known = text_methods.find(name);
    if (known == text_methods.end()) return std::nullopt;
    return callable(std::string(name), [value, name = known->first, function = known->second](Machine& machine, const Call& call) {
      machine.budget().step(value.text().size() / 16 + 1);
      if (!value.is_markup()) return function(machine.budget(), value.text(), call);
      return marked(function(machine.budget(), value.text(), escaped_for(name, call, machine.budget())));
    });
  }
  if (changes_it(value, name))
    return undefined("access to attribute '" + std::string(name) + "' of '" + type_name(value) + "' object is unsafe.");
  if (value.is<DictRef>()) return dict_method(value, name);
  if (value.is<ListRef>()) return list_method(value, name);
  if (value.is<Loop*>()) return loop_method(value, name);
  if (as_number(value)) return number_member(value, name);
  return std::nullopt;
}

}  // namespace luthier::text::jinja
