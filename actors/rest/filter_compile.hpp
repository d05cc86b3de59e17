// The pieces that compile a filter: which fields there are, and what one condition about one of them asks.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/rest/filter_node.hpp"

namespace luthier::rest {

// Thrown and caught while a filter is compiled, and nowhere else: the way out of a recursion, which every line of it would
// otherwise have to repeat.
struct FilterRefused {
  std::string sentence;
};
[[noreturn]] void refuse_filter(std::string sentence);
[[noreturn]] void refuse_operator(std::string_view name);
std::string shown(const Json& value);  // the start of it, for a sentence

struct CompiledFilter {
  NodePointer node;  // null: holds always
  Json echo;
};

template <class Held>
NodePointer filter_node(Held held) {
  return std::make_shared<const FilterNode>(FilterNode{std::move(held)});
}

template <class Many>
NodePointer combined(std::vector<NodePointer> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return parts.empty() ? nullptr : filter_node(Many{std::move(parts)});
}

struct FilterField {
  std::string name;  // as the filter names it
  FieldPath path;    // in a row
  bool is_time = false, is_presence = false;
  bool is_free = false;  // of a related row, whose members may have any name
};

// The fields that the rules of a list allow.
class FilterFields {
 public:
  explicit FilterFields(const FilterRules& rules) : rules_(rules) {}
  bool is_allowed(std::string_view name) const;
  bool is_prefix(std::string_view name) const;  // only stands before others: "data" before "data.x"
  bool is_top_only(std::string_view name) const;
  bool is_relation(std::string_view name) const;
  FilterField find(const std::string& name) const;  // of one that is allowed
  [[noreturn]] void refuse(std::string_view name) const;

 private:
  const FilterRules& rules_;
};

// One operator and its operand. The echo is {operator: operand}.
CompiledFilter filter_condition(const FilterField& field, const std::string& op, const Json& operand);
std::optional<bool> flag_of(const Json& operand);  // true, false and the texts "true", "false"
bool existence_of(const Json& operand);            // of $exists

}  // namespace luthier::rest
