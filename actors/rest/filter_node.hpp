// A filter, compiled: what is asked of each row. Operands were read when the filter was, so that asking allocates nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/rest/filter.hpp"
#include "actors/rest/like.hpp"
#include "events/base/ids.hpp"

namespace luthier::rest {

using NodePointer = std::shared_ptr<const FilterNode>;
using FieldPath = std::vector<std::string>;  // {"data", "status"}

struct All {
  std::vector<NodePointer> parts;
};
struct Any {
  std::vector<NodePointer> parts;
};
struct Not {
  NodePointer part;
};
// The member is one of these. Sorted, because a list may hold thousands.
struct OneOf {
  FieldPath path;
  std::vector<std::string> texts;
  std::vector<std::int64_t> integers;
  std::vector<double> reals;  // that are not whole
  std::vector<Timestamp> moments;
  std::vector<Json> structures;
  bool has_null = false, has_true = false, has_false = false;
};
struct Contains {
  FieldPath path;
  Like like;
};
enum class Order { less, less_or_equal, greater, greater_or_equal };
struct Compared {
  FieldPath path;
  Order order = Order::less;
  std::optional<std::string> text;
  std::optional<double> number;  // also of a text that spells one
  std::optional<Timestamp> moment;
};
struct IsSet {
  FieldPath path;
};
struct Related {
  std::string relation;
  NodePointer row;  // null: any row
};

struct FilterNode {
  std::variant<All, Any, Not, OneOf, Contains, Compared, IsSet, Related> held;
};

// The member at the path; null pointer when there is none.
const Json* member_at(const Json& body, const FieldPath& path);
FieldPath split_path(std::string_view dotted);

// The other two spellings, turned into the JSON one. 400 when that cannot be.
Or<Json> filter_of_brackets(const std::vector<const Query::Parameter*>& parameters);
Or<Json> filter_of_text(std::string_view text);
Or<Json> json_of_filter(std::string_view text);  // "Invalid JSON in filter parameter"
// "gte" and "$gte" as "$gte"; nothing when it is no operator.
std::optional<std::string> operator_of(std::string_view name);

}  // namespace luthier::rest
