// Asks a compiled filter of a row.
#include "actors/rest/filter.hpp"

#include <algorithm>

#include "actors/rest/filter_node.hpp"
#include "actors/rest/lax.hpp"
#include "actors/rest/moment.hpp"
#include "events/base/overloaded.hpp"

namespace luthier::rest {
namespace {

template <class T, class U>
bool holds(const std::vector<T>& sorted, const U& value) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), value);
  return at != sorted.end() && *at == value;
}

bool holds_number(const OneOf& wanted, double number) {
  if (const auto integer = whole(number)) return holds(wanted.integers, *integer);
  return holds(wanted.reals, number);
}

bool is_one_of(const OneOf& wanted, const Json* value) {
  if (!value || value->is_null()) return wanted.has_null;
  if (const auto* text = value->get_ptr<const std::string*>()) {
    if (holds(wanted.texts, *text)) return true;
    if (wanted.moments.empty()) return false;
    const auto moment = read_moment(*text);
    return moment && holds(wanted.moments, *moment);
  }
  if (value->is_boolean()) return value->get<bool>() ? wanted.has_true : wanted.has_false;
  if (value->is_number_float()) return holds_number(wanted, value->get<double>());
  if (value->is_number_integer()) return holds(wanted.integers, value->get<std::int64_t>());
  return std::any_of(wanted.structures.begin(), wanted.structures.end(), [&](const Json& one) { return same_json(one, *value); });
}

template <class T>
bool in_order(Order order, const T& value, const T& bound) {
  switch (order) {
    case Order::less: return value < bound;
    case Order::less_or_equal: return value <= bound;
    case Order::greater: return value > bound;
    case Order::greater_or_equal: return value >= bound;
  }
  return false;
}

bool compares(const Compared& wanted, const Json* value) {
  if (!value) return false;
  if (const auto* text = value->get_ptr<const std::string*>()) {
    if (!wanted.moment) return wanted.text && in_order<std::string_view>(wanted.order, *text, *wanted.text);
    const auto moment = read_moment(*text);
    return moment && in_order(wanted.order, *moment, *wanted.moment);
  }
  return value->is_number() && wanted.number && in_order(wanted.order, value->get<double>(), *wanted.number);
}

bool contains(const Contains& wanted, const Json* value) {
  const auto* text = value ? value->get_ptr<const std::string*>() : nullptr;
  return text && wanted.like.found_in(*text);
}

bool is_set(const Json* value) { return value && !value->is_null() && !(value->is_array() && value->empty()); }

bool holds(const FilterNode& node, const Json& body, const Relation* hook) {
  const auto part_holds = [&](const NodePointer& part) { return holds(*part, body, hook); };
  return std::visit(overloaded{[&](const All& all) { return std::all_of(all.parts.begin(), all.parts.end(), part_holds); },
                               [&](const Any& any) { return std::any_of(any.parts.begin(), any.parts.end(), part_holds); },
                               [&](const Not& negated) { return !part_holds(negated.part); },
                               [&](const OneOf& wanted) { return is_one_of(wanted, member_at(body, wanted.path)); },
                               [&](const Contains& wanted) { return contains(wanted, member_at(body, wanted.path)); },
                               [&](const Compared& wanted) { return compares(wanted, member_at(body, wanted.path)); },
                               [&](const IsSet& wanted) { return is_set(member_at(body, wanted.path)); },
                               [&](const Related& related) {
                                 return hook && hook->any(related.relation, body, [&](const Json& row) {
                                   return !related.row || holds(*related.row, row, nullptr);
                                 });
                               }},
                    node.held);
}

const Json& nothing() {
  static const Json empty = Json::object();
  return empty;
}

}  // namespace

const Json* member_at(const Json& body, const FieldPath& path) {
  const Json* at = &body;
  for (const auto& step : path)
    if (at = find_member(*at, step); !at) return nullptr;
  return at;
}

FieldPath split_path(std::string_view dotted) {
  FieldPath path;
  for (;;) {
    const auto dot = dotted.find('.');
    path.emplace_back(dotted.substr(0, dot));
    if (dot == dotted.npos) return path;
    dotted.remove_prefix(dot + 1);
  }
}

Filter::Filter() : echo_(std::shared_ptr<const Json>(), &nothing()) {}
Filter::Filter(NodePointer root, Json echo) : root_(std::move(root)), echo_(std::make_shared<const Json>(std::move(echo))) {}

bool Filter::matches(const Json& body, const Relation* hook) const { return !root_ || holds(*root_, body, hook); }

std::optional<Json> Filter::equals(std::string_view field) const {
  const auto in = [&](const Json& form) -> const Json* {
    const Json* operators = find_member(form, field);
    return operators ? find_member(*operators, "$eq") : nullptr;
  };
  const Json* operand = in(*echo_);
  if (const Json* all = find_member(*echo_, "$and"); !operand && all)
    for (auto part = all->begin(); part != all->end() && !operand; ++part) operand = in(*part);
  return operand ? std::optional<Json>(std::in_place, *operand) : std::nullopt;
}

std::optional<bool> Filter::equals_flag(std::string_view field) const {
  const auto operand = equals(field);
  if (!operand) return std::nullopt;
  if (operand->is_boolean()) return operand->get<bool>();
  const auto* text = operand->get_ptr<const std::string*>();
  return text ? read_flag(*text) : std::nullopt;
}

}  // namespace luthier::rest
