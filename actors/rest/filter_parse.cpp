// Compiles the JSON form of a filter, and writes the form that a list repeats.
#include <algorithm>
#include <array>

#include "actors/rest/filter_compile.hpp"
#include "actors/rest/problem_place.hpp"

namespace luthier::rest {
namespace {

constexpr std::array operators{"$eq", "$like", "$lt", "$lte", "$gt", "$gte", "$in", "$nin", "$and", "$or", "$not", "$exists"};

bool is_logical(std::string_view name) { return name == "$and" || name == "$or" || name == "$not"; }

class FilterCompiler {
 public:
  explicit FilterCompiler(const FilterRules& rules) : fields_(rules) {}

  // `top`: what is said here holds for the whole list, so fields of the top level alone may be named.
  CompiledFilter object(const Json& form, std::size_t depth, bool top) {
    check_depth(depth);
    if (!form.is_object()) refuse_filter("A filter is an object such as {\"name\": \"x\"}; this part of it is " + shown(form) + ".");
    std::vector<NodePointer> parts;
    Json echo = Json::object();
    for (const auto& [name, value] : form.get_ref<const Json::object_t&>()) {
      const auto logical = logical_of(name);
      if (logical && form.size() > 1)
        refuse_filter("The filter has " + *logical + " beside other members in one object; put them all into one $and.");
      auto compiled = logical ? this->logical(*logical, value, depth, top) : field(name, value, depth, top);
      if (compiled.node) parts.push_back(std::move(compiled.node));
      append_member(echo, logical ? *logical : name, std::move(compiled.echo));
    }
    return {combined<All>(std::move(parts)), std::move(echo)};
  }

 private:
  static void check_depth(std::size_t depth) {
    if (depth > filter_depth_max) refuse_filter("The filter is nested more than " + std::to_string(filter_depth_max) + " deep.");
  }

  void count_condition() {
    if (++conditions_ > filter_conditions_max)
      refuse_filter("The filter has more than " + std::to_string(filter_conditions_max) + " conditions.");
  }

  std::optional<std::string> logical_of(const std::string& name) const {
    if (name.empty() || (name.front() != '$' && fields_.is_allowed(name))) return std::nullopt;
    auto found = operator_of(name);
    return found && is_logical(*found) ? found : std::nullopt;
  }

  CompiledFilter logical(const std::string& name, const Json& value, std::size_t depth, bool top) {
    if (name == "$not") return negated(object(value, depth + 1, false));
    const bool is_and = name == "$and";
    return list_of_parts(name, value, [&](const Json& part) { return object(part, depth + 1, top && is_and); });
  }

  static CompiledFilter negated(CompiledFilter part) {
    if (!part.node) refuse_filter("$not needs a condition.");
    return {filter_node(Not{std::move(part.node)}), std::move(part.echo)};
  }

  template <class CompilePart>
  CompiledFilter list_of_parts(const std::string& name, const Json& value, CompilePart compile_part) {
    if (!value.is_array() || value.empty()) refuse_filter(name + " needs a list of at least one condition, not " + shown(value) + ".");
    std::vector<NodePointer> parts;
    Json echo = Json::array();
    bool always = false;
    for (const auto& part : value) {
      auto compiled = compile_part(part);
      always = always || !compiled.node;
      if (compiled.node) parts.push_back(std::move(compiled.node));
      echo.push_back(std::move(compiled.echo));
    }
    if (name == "$and") return {combined<All>(std::move(parts)), std::move(echo)};
    return {always ? nullptr : combined<Any>(std::move(parts)), std::move(echo)};
  }

  // Fields.

  CompiledFilter field(const std::string& written, const Json& value, std::size_t depth, bool top) {
    const std::string name = plain_name(written);
    if (!fields_.is_allowed(name)) {
      if (name.starts_with('$')) refuse_operator(name);
      if (value.is_object() && !value.empty() && fields_.is_prefix(name)) return members_of(name, value, depth, top);
      fields_.refuse(name);
    }
    if (fields_.is_top_only(name)) return top_only(name, value, top);
    if (fields_.is_relation(name)) return relation(name, value, depth);
    return conditions(fields_.find(name), value, depth + 1);
  }

  // data["key"] as data.key
  static std::string plain_name(const std::string& name) {
    const auto open = name.find("[\"");
    if (open == name.npos || !name.ends_with("\"]") || open + 4 > name.size()) return name;
    return name.substr(0, open) + "." + name.substr(open + 2, name.size() - open - 4);
  }

  // {"data": {"x": 1}} as {"data.x": 1}
  CompiledFilter members_of(const std::string& name, const Json& value, std::size_t depth, bool top) {
    check_depth(depth);
    std::vector<NodePointer> parts;
    Json echo = Json::object();
    for (const auto& [member, held] : value.get_ref<const Json::object_t&>()) {
      if (member.starts_with('$')) refuse_operator(member);
      auto compiled = field(name + "." + member, held, depth + 1, top);
      if (compiled.node) parts.push_back(std::move(compiled.node));
      append_member(echo, member, std::move(compiled.echo));
    }
    return {combined<All>(std::move(parts)), std::move(echo)};
  }

  CompiledFilter top_only(const std::string& name, const Json& value, bool top) {
    count_condition();
    if (!top)
      refuse_filter("The field " + name + " combines with others only by AND at the top level of the filter, not inside $or or $not.");
    const bool has_operator = value.is_object() && value.size() == 1;
    const Json* operand = has_operator && operator_of(value.begin().key()) == "$eq" ? &*value.begin() : &value;
    if (operand->is_structured()) refuse_filter("The field " + name + " is compared with one value, without another operator.");
    return {nullptr, Json::object({{"$eq", *operand}})};
  }

  CompiledFilter condition(const FilterField& field, const std::string& op, const Json& operand) {
    count_condition();
    return filter_condition(field, op, operand);
  }

  // What is said of one field: a value, a list of values, or operators.
  CompiledFilter conditions(const FilterField& field, const Json& value, std::size_t depth) {
    check_depth(depth);
    if (value.is_array()) return condition(field, "$in", value);
    if (!value.is_object()) return condition(field, "$eq", value);
    if (value.empty()) refuse_filter("The filter says nothing of the field " + field.name + "; give a value or an operator.");
    std::vector<NodePointer> parts;
    Json echo = Json::object();
    for (const auto& [name, operand] : value.get_ref<const Json::object_t&>()) {
      auto compiled = said_of(field, name, operand, value.size(), depth);
      if (compiled.node) parts.push_back(std::move(compiled.node));
      for (auto& [key, held] : compiled.echo.get_ref<Json::object_t&>()) append_member(echo, key, std::move(held));
    }
    return {combined<All>(std::move(parts)), std::move(echo)};
  }

  // One member of a field's object: an operator, or the rest of a longer path.
  CompiledFilter said_of(const FilterField& field, const std::string& name, const Json& operand, std::size_t members, std::size_t depth) {
    const auto op = operator_of(name);
    if (!op) {
      auto inner = longer(field, name, operand, depth);
      return {std::move(inner.node), Json::object({{name, std::move(inner.echo)}})};
    }
    if (!is_logical(*op)) return condition(field, *op, operand);
    if (members > 1)
      refuse_filter("The filter has " + *op + " beside other members of the field " + field.name + "; put them into one $and.");
    auto compiled = *op == "$not" ? negated(conditions(field, operand, depth + 1))
                                  : list_of_parts(*op, operand, [&](const Json& part) { return conditions(field, part, depth + 1); });
    return {std::move(compiled.node), Json::object({{*op, std::move(compiled.echo)}})};
  }

  CompiledFilter longer(const FilterField& field, const std::string& step, const Json& operand, std::size_t depth) {
    const std::string name = field.name + "." + step;
    if (step.starts_with('$') || (!field.is_free && !fields_.is_allowed(name))) refuse_operator(step);
    if (!field.is_free) return this->field(name, operand, depth, false);
    FilterField inner{name, field.path, false, false, true};
    inner.path.push_back(step);
    return conditions(inner, operand, depth + 1);
  }

  // Related rows: {"$exists": true}, or what one of them must be, or both.

  CompiledFilter relation(const std::string& name, const Json& value, std::size_t depth) {
    check_depth(depth);
    if (const auto flag = flag_of(value)) {
      count_condition();
      return {existing(name, *flag), Json::object({{"$eq", value}})};
    }
    if (!value.is_object() || value.empty())
      refuse_filter("The filter's " + name + " needs {\"$exists\": true}, or the members that one of them must have, not " +
                    shown(value) + ".");
    std::vector<NodePointer> parts;
    Json echo = Json::object(), members = Json::object();
    for (const auto& [member, operand] : value.get_ref<const Json::object_t&>()) {
      const auto op = operator_of(member);
      if (op == "$exists" || (op == "$eq" && flag_of(operand))) {
        count_condition();
        parts.push_back(existing(name, existence_of(operand)));
        append_member(echo, *op, operand);
      } else if (op && is_logical(*op)) {
        if (value.size() > 1) refuse_filter("The filter has " + *op + " beside other members of " + name + "; put them into one $and.");
        const auto part = [&](const Json& one) { return relation(name, one, depth + 1); };
        auto compiled = *op == "$not" ? negated(part(operand)) : list_of_parts(*op, operand, part);
        parts.push_back(std::move(compiled.node));
        append_member(echo, *op, std::move(compiled.echo));
      } else if (member.starts_with('$')) {
        refuse_operator(member);
      } else {
        append_member(members, member, operand);
      }
    }
    if (!members.empty()) {
      auto row = related_row(members, depth + 1);
      parts.push_back(filter_node(Related{name, std::move(row.node)}));
      for (auto& [key, held] : row.echo.get_ref<Json::object_t&>()) append_member(echo, key, std::move(held));
    }
    return {combined<All>(std::move(parts)), std::move(echo)};
  }

  static NodePointer existing(const std::string& name, bool wanted) {
    auto any_row = filter_node(Related{name, nullptr});
    return wanted ? any_row : filter_node(Not{std::move(any_row)});
  }

  // All of it about one and the same row, whose members may have any name.
  CompiledFilter related_row(const Json& members, std::size_t depth) {
    std::vector<NodePointer> parts;
    Json echo = Json::object();
    for (const auto& [member, operand] : members.get_ref<const Json::object_t&>()) {
      std::string path = member.starts_with("data.") ? member.substr(5) : member;
      const bool is_time = path == "created_at" || path == "updated_at";
      auto compiled = conditions({member, split_path(path), is_time, false, true}, operand, depth);
      if (compiled.node) parts.push_back(std::move(compiled.node));
      append_member(echo, member, std::move(compiled.echo));
    }
    return {combined<All>(std::move(parts)), std::move(echo)};
  }

  const FilterFields fields_;
  std::size_t conditions_ = 0;
};

}  // namespace

void refuse_filter(std::string sentence) { throw FilterRefused{std::move(sentence)}; }

void refuse_operator(std::string_view name) {
  std::string sentence = "The filter has an unknown operator '" + excerpt(name, 64) + "'; valid operators: ";
  for (const auto* valid : operators) sentence += (valid == operators.front() ? "" : ", ") + std::string(valid);
  refuse_filter(sentence + ".");
}

std::string shown(const Json& value) { return excerpt(dump(value), 64); }

std::optional<std::string> operator_of(std::string_view name) {
  std::string full(name.starts_with('$') ? name : "$" + std::string(name));
  return std::find(operators.begin(), operators.end(), full) != operators.end() ? std::optional(std::move(full)) : std::nullopt;
}

Or<Json> json_of_filter(std::string_view text) {
  auto form = parse_json(text, {.bytes_max = filter_bytes_max, .depth_max = 4 * filter_depth_max});
  if (!form) return detail(400, "Invalid JSON in filter parameter: " + form.error().message + ".");
  return std::move(*form);
}

Or<Filter> filter_of(const Json& form, const FilterRules& rules) {
  try {
    auto compiled = FilterCompiler(rules).object(form, 1, true);
    return Filter(std::move(compiled.node), std::move(compiled.echo));
  } catch (const FilterRefused& refused) {
    return detail(400, refused.sentence);
  }
}

Or<Filter> parse_filter(const Query& query, const FilterRules& rules) {
  const auto bare = query.all("filter");
  const auto brackets = query.with_prefix("filter[");
  if (bare.size() + (brackets.empty() ? 0 : 1) > 1)
    return detail(400, "The filter is given more than once; put all of it into one filter= or into filter[…] parameters.");
  if (brackets.empty() && (bare.empty() || bare.front().empty())) return Filter();
  if (!bare.empty() && bare.front().size() > filter_bytes_max)
    return detail(400, "The filter has more than " + std::to_string(filter_bytes_max) + " bytes.");
  auto form = !brackets.empty()                ? filter_of_brackets(brackets)
              : bare.front().starts_with('{') ? json_of_filter(bare.front())
                                              : filter_of_text(bare.front());
  if (auto* refusal = std::get_if<Answer>(&form)) return std::move(*refusal);
  return filter_of(std::get<Json>(form), rules);
}

}  // namespace luthier::rest
