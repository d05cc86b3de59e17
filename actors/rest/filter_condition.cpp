// One condition about one field: its operand is read once, when the filter is.
#include <algorithm>

#include "actors/rest/filter_compile.hpp"
#include "actors/rest/lax.hpp"
#include "actors/rest/moment.hpp"

namespace luthier::rest {
namespace {

NodePointer presence(const FilterField& field, bool wanted) {
  auto set = filter_node(IsSet{field.path});
  return wanted ? set : filter_node(Not{std::move(set)});
}

Json listed(const Json& operand, const std::string& op) {
  if (operand.is_array()) return operand;
  const auto* text = operand.get_ptr<const std::string*>();
  if (!text) {
    if (operand.is_object()) refuse_filter(op + " needs a list, not " + shown(operand) + ".");
    return Json::array({operand});
  }
  Json list = Json::array();
  for (std::string_view rest = *text;;) {
    const auto comma = rest.find(',');
    list.push_back(rest.substr(0, comma));
    if (comma == rest.npos) return list;
    rest.remove_prefix(comma + 1);
  }
}

Timestamp moment_of(const Json& value, const FilterField& field) {
  const auto* text = value.get_ptr<const std::string*>();
  const auto moment = text ? read_moment(*text) : std::nullopt;
  if (!moment)
    refuse_filter("The filter compares " + field.name + " with " + shown(value) +
                  ", which is no time; write one such as 2026-01-31T00:00:00Z.");
  return *moment;
}

void put_real(OneOf& wanted, double number) {
  if (const auto integer = whole(number))
    wanted.integers.push_back(*integer);
  else
    wanted.reals.push_back(number);
}

// A query has only texts: "5" is the number as well, "true" the flag.
void put_text(OneOf& wanted, const std::string& text) {
  wanted.texts.push_back(text);
  NotWhole why{};
  if (const auto integer = read_integer(text, why))
    wanted.integers.push_back(*integer);
  else if (const auto number = read_double(text))
    put_real(wanted, *number);
  if (text == "true") wanted.has_true = true;
  if (text == "false") wanted.has_false = true;
}

void put(OneOf& wanted, const Json& value, const FilterField& field) {
  if (value.is_null()) {
    wanted.has_null = true;
  } else if (value.is_boolean()) {
    (value.get<bool>() ? wanted.has_true : wanted.has_false) = true;
  } else if (value.is_number_integer()) {
    wanted.integers.push_back(value.get<std::int64_t>());
  } else if (value.is_number()) {
    put_real(wanted, value.get<double>());
  } else if (value.is_structured()) {
    wanted.structures.push_back(value);
  } else if (field.is_time) {
    wanted.moments.push_back(moment_of(value, field));
  } else {
    put_text(wanted, value.get_ref<const std::string&>());
  }
}

NodePointer one_of(const FilterField& field, const Json& values) {
  OneOf wanted;
  wanted.path = field.path;
  for (const auto& value : values) put(wanted, value, field);
  std::sort(wanted.texts.begin(), wanted.texts.end());
  std::sort(wanted.integers.begin(), wanted.integers.end());
  std::sort(wanted.reals.begin(), wanted.reals.end());
  std::sort(wanted.moments.begin(), wanted.moments.end());
  return filter_node(std::move(wanted));
}

NodePointer like(const FilterField& field, const Json& operand) {
  if (operand.is_structured() || operand.is_null()) refuse_filter("$like needs a text, not " + shown(operand) + ".");
  const std::string text = operand.is_string() ? operand.get<std::string>() : dump(operand);
  if (text.size() > like_bytes_max)
    refuse_filter("$like of the field " + field.name + " has more than " + std::to_string(like_bytes_max) + " bytes.");
  return filter_node(Contains{field.path, Like(text)});
}

Order order_of(std::string_view op) {
  if (op == "$lt") return Order::less;
  if (op == "$lte") return Order::less_or_equal;
  return op == "$gt" ? Order::greater : Order::greater_or_equal;
}

NodePointer compared(const FilterField& field, const std::string& op, const Json& operand) {
  if (operand.is_structured() || operand.is_null()) refuse_filter(op + " needs a text, a number or a time, not " + shown(operand) + ".");
  Compared wanted;
  wanted.path = field.path;
  wanted.order = order_of(op);
  if (field.is_time) {
    wanted.moment = moment_of(operand, field);
  } else if (const auto* text = operand.get_ptr<const std::string*>()) {
    wanted.text = *text;
    wanted.number = read_double(*text);
  } else if (operand.is_number()) {
    wanted.number = operand.get<double>();
  }
  return filter_node(std::move(wanted));
}

}  // namespace

std::optional<bool> flag_of(const Json& operand) {
  if (operand.is_boolean()) return operand.get<bool>();
  if (operand == "true") return true;
  if (operand == "false") return false;
  return std::nullopt;
}

bool existence_of(const Json& operand) {
  const auto flag = flag_of(operand);
  if (!flag) refuse_filter("$exists needs true or false, not " + shown(operand) + ".");
  return *flag;
}

CompiledFilter filter_condition(const FilterField& field, const std::string& op, const Json& operand) {
  Json used = operand;
  NodePointer compiled;
  if (op == "$eq") {
    const auto flag = flag_of(operand);
    compiled = field.is_presence && flag ? presence(field, *flag) : one_of(field, Json::array({operand}));
  } else if (op == "$in" || op == "$nin") {
    used = listed(operand, op);
    compiled = one_of(field, used);
    if (op == "$nin") compiled = filter_node(Not{std::move(compiled)});
  } else if (op == "$like") {
    compiled = like(field, operand);
  } else if (op == "$exists") {
    compiled = presence(field, existence_of(operand));
  } else {
    compiled = compared(field, op, operand);
  }
  return {std::move(compiled), Json::object({{op, std::move(used)}})};
}

}  // namespace luthier::rest
