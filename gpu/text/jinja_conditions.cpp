// What may stand behind `is`. Jinja calls them tests.
#include <cmath>
#include <unordered_map>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_machine.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"

namespace luthier::text::jinja {
namespace {

constexpr char equals[] = "==", differs[] = "!=", lower_than[] = "<", at_most[] = "<=", greater_than[] = ">", at_least[] = ">=",
               within[] = "in";

template <const char* op>
bool compares(Machine& machine, const Value& value, const Call& call) {
  const Bound bound("test", call, {"other"});
  return compare(op, value, bound.value(0), machine.budget());
}

template <bool (*holds)(const Value&)>
bool simple(Machine&, const Value& value, const Call& call) {
  const Bound bound("test", call, {});
  return holds(value);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is<bool>(); }
bool is_exactly_true(const Value& value) { return value.is<bool>() && std::get<bool>(value.held); }
bool is_exactly_false(const Value& value) { return value.is<bool>() && !std::get<bool>(value.held); }
bool is_integer(const Value& value) { return value.is<std::int64_t>(); }
bool is_float(const Value& value) { return value.is<double>(); }
bool is_number(const Value& value) { return as_number(value).has_value(); }
bool is_string(const Value& value) { return value.is_text(); }
bool is_mapping(const Value& value) { return value.is<DictRef>(); }
bool is_callable(const Value& value) { return value.is<CallableRef>() || value.is<Loop*>() || value.is_undefined(); }
bool can_be_iterated(const Value& value) { return is_iterable(value); }

// What has a length and can be subscripted: texts and dictionaries as well, a dictionary's views not.
bool is_sequence(const Value& value) {
  const auto* list = value.get<ListRef>();
  return list != nullptr ? (*list)->form <= ListForm::range : length(value).has_value();
}

template <std::int64_t remainder>
bool leaves_of_two(Machine& machine, const Value& value, const Call& call) {
  const Bound bound("test", call, {});
  return equal(binary("%", value, integer(2), machine.budget()), integer(remainder), machine.budget());
}

bool divisible_by(Machine& machine, const Value& value, const Call& call) {
  const Bound bound("divisibleby", call, {"num"});
  return equal(binary("%", value, bound.value(0), machine.budget()), integer(0), machine.budget());
}

bool same_as(Machine& machine, const Value& value, const Call& call) {
  const Bound bound("sameas", call, {"other"});
  const Value& other = bound.value(0);
  if (value.held.index() != other.held.index()) return false;
  if (const auto* list = value.get<ListRef>()) return *list == std::get<ListRef>(other.held);
  if (const auto* dict = value.get<DictRef>()) return *dict == std::get<DictRef>(other.held);
  return equal(value, other, machine.budget());
}

template <bool (*holds)(std::string_view)>
bool has_case(Machine& machine, const Value& value, const Call& call) {
  const Bound bound("test", call, {});
  return holds(to_text(value, machine.budget()));
}

// Whether there is one of that name. What cannot be a key is refused, as in a look-up.
bool is_filter(Machine& machine, const Value& value, const Call&) {
  (void)hash_key(value, machine.budget());
  return value.is_text() && find_filter(value.text()) != nullptr;
}
bool is_test(Machine& machine, const Value& value, const Call&) {
  (void)hash_key(value, machine.budget());
  return value.is_text() && find_test(value.text()) != nullptr;
}
bool is_escaped(const Value& value) { return value.is_markup(); }

const std::unordered_map<std::string_view, TestFunction> tests = {
    {"defined", simple<is_defined>},
    {"undefined", simple<is_undefined>},
    {"none", simple<is_none>},
    {"boolean", simple<is_boolean>},
    {"true", simple<is_exactly_true>},
    {"false", simple<is_exactly_false>},
    {"integer", simple<is_integer>},
    {"float", simple<is_float>},
    {"number", simple<is_number>},
    {"string", simple<is_string>},
    {"mapping", simple<is_mapping>},
    {"sequence", simple<is_sequence>},
    {"iterable", simple<can_be_iterated>},
    {"callable", simple<is_callable>},
    {"odd", leaves_of_two<1>},
    {"even", leaves_of_two<0>},
    {"divisibleby", divisible_by},
    {"sameas", same_as},
    {"lower", has_case<is_lower>},
    {"upper", has_case<is_upper>},
    {"filter", is_filter},
    {"test", is_test},
    {"escaped", simple<is_escaped>},
    {"in", compares<within>},
    {"==", compares<equals>},
    {"eq", compares<equals>},
    {"equalto", compares<equals>},
    {"!=", compares<differs>},
    {"ne", compares<differs>},
    {">", compares<greater_than>},
    {"gt", compares<greater_than>},
    {"greaterthan", compares<greater_than>},
    {">=", compares<at_least>},
    {"ge", compares<at_least>},
    {"<", compares<lower_than>},
    {"lt", compares<lower_than>},
    {"lessthan", compares<lower_than>},
    {"<=", compares<at_most>},
    {"le", compares<at_most>},
};

}  // namespace

TestFunction find_test(std::string_view name) {
  const auto at = tests.find(name);
  return at == tests.end() ? nullptr : at->second;
}

}  // namespace luthier::text::jinja
