#include "actors/api/json_schema_check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "actors/rest/problem_place.hpp"

namespace luthier::api {
namespace {

using rest::Json;
using Problem = std::optional<std::string>;

constexpr std::array type_names{"array", "boolean", "integer", "null", "number", "object", "string"};

std::string shown(const Json& value) { return rest::excerpt(rest::dump(value), 200); }

Problem wrong(const std::string& place, const Json& value, const std::string& wanted) {
  return place + ": " + shown(value) + " is not valid; " + wanted;
}

std::string below(const std::string& place, const std::string& name) { return place.empty() ? name : place + "." + name; }

Problem check_schema(const Json& schema, const std::string& place);

Problem a_text(const Json& value, const std::string& place) { return value.is_string() ? Problem() : wrong(place, value, "a string is needed"); }
Problem a_flag(const Json& value, const std::string& place) { return value.is_boolean() ? Problem() : wrong(place, value, "true or false is needed"); }
Problem a_list(const Json& value, const std::string& place) { return value.is_array() ? Problem() : wrong(place, value, "a list is needed"); }
Problem a_number(const Json& value, const std::string& place) { return value.is_number() ? Problem() : wrong(place, value, "a number is needed"); }
// Draft 4 wrote them as flags beside minimum and maximum.
Problem a_number_or_flag(const Json& value, const std::string& place) { return value.is_boolean() ? Problem() : a_number(value, place); }

Problem above_zero(const Json& value, const std::string& place) {
  return value.is_number() && value.get<double>() > 0 ? Problem() : wrong(place, value, "a number above 0 is needed");
}

Problem a_count(const Json& value, const std::string& place) {
  const bool is_count = value.is_number() && value.get<double>() >= 0 && std::floor(value.get<double>()) == value.get<double>();
  return is_count ? Problem() : wrong(place, value, "a whole number of at least 0 is needed");
}

Problem names(const Json& value, const std::string& place) {
  if (!value.is_array()) return wrong(place, value, "a list of names is needed");
  std::set<std::string> seen;
  for (const auto& name : value) {
    if (!name.is_string()) return wrong(place, name, "a name is needed");
    if (!seen.insert(name.get<std::string>()).second) return wrong(place, name, "it is there twice");
  }
  return {};
}

Problem a_type(const Json& value, const std::string& place) {
  if (value.is_array()) {
    if (value.empty()) return wrong(place, value, "at least one type is needed");
    for (const auto& one : value)
      if (auto problem = one.is_array() ? wrong(place, one, "a type is needed") : a_type(one, place)) return problem;
    return names(value, place);
  }
  if (value.is_string() && std::find(type_names.begin(), type_names.end(), value.get<std::string>()) != type_names.end()) return {};
  return wrong(place, value, "a type is one of array, boolean, integer, null, number, object, string");
}

Problem a_schema(const Json& value, const std::string& place) { return check_schema(value, place); }

Problem schemas(const Json& value, const std::string& place) {
  if (!value.is_array() || value.empty()) return wrong(place, value, "a list of schemas with at least one is needed");
  for (std::size_t i = 0; i < value.size(); ++i)
    if (auto problem = check_schema(value[i], place + "[" + std::to_string(i) + "]")) return problem;
  return {};
}

// Before 2020-12 a list of schemas spoke of the first items.
Problem schema_or_schemas(const Json& value, const std::string& place) {
  if (!value.is_array()) return check_schema(value, place);
  return value.empty() ? Problem() : schemas(value, place);
}

template <class Check>
Problem each_member(const Json& value, const std::string& place, const Check& check) {
  if (!value.is_object()) return wrong(place, value, "an object is needed");
  for (const auto& [name, member] : value.items())
    if (auto problem = check(member, below(place, name))) return problem;
  return {};
}

Problem named_schemas(const Json& value, const std::string& place) { return each_member(value, place, a_schema); }
Problem named_names(const Json& value, const std::string& place) { return each_member(value, place, names); }
Problem named_flags(const Json& value, const std::string& place) { return each_member(value, place, a_flag); }
Problem dependencies(const Json& value, const std::string& place) {
  return each_member(value, place, [](const Json& member, const std::string& at) { return member.is_array() ? names(member, at) : check_schema(member, at); });
}

const std::map<std::string, Problem (*)(const Json&, const std::string&), std::less<>>& keywords() {
  static const std::map<std::string, Problem (*)(const Json&, const std::string&), std::less<>> all{
      {"$id", a_text}, {"$schema", a_text}, {"$ref", a_text}, {"$anchor", a_text}, {"$dynamicRef", a_text}, {"$dynamicAnchor", a_text},
      {"$comment", a_text}, {"$vocabulary", named_flags}, {"$defs", named_schemas}, {"definitions", named_schemas},
      {"type", a_type}, {"enum", a_list}, {"multipleOf", above_zero}, {"maximum", a_number}, {"minimum", a_number},
      {"exclusiveMaximum", a_number_or_flag}, {"exclusiveMinimum", a_number_or_flag}, {"maxLength", a_count}, {"minLength", a_count},
      {"pattern", a_text}, {"maxItems", a_count}, {"minItems", a_count}, {"uniqueItems", a_flag}, {"maxContains", a_count},
      {"minContains", a_count}, {"maxProperties", a_count}, {"minProperties", a_count}, {"required", names}, {"dependentRequired", named_names},
      {"prefixItems", schemas}, {"items", schema_or_schemas}, {"additionalItems", a_schema}, {"contains", a_schema}, {"properties", named_schemas},
      {"patternProperties", named_schemas}, {"additionalProperties", a_schema}, {"propertyNames", a_schema}, {"dependentSchemas", named_schemas},
      {"dependencies", dependencies}, {"if", a_schema}, {"then", a_schema}, {"else", a_schema}, {"allOf", schemas}, {"anyOf", schemas},
      {"oneOf", schemas}, {"not", a_schema}, {"unevaluatedItems", a_schema}, {"unevaluatedProperties", a_schema}, {"title", a_text},
      {"description", a_text}, {"deprecated", a_flag}, {"readOnly", a_flag}, {"writeOnly", a_flag}, {"examples", a_list}, {"format", a_text},
      {"contentEncoding", a_text}, {"contentMediaType", a_text}, {"contentSchema", a_schema}};
  return all;
}

Problem check_schema(const Json& schema, const std::string& place) {
  if (schema.is_boolean()) return {};
  if (!schema.is_object()) return wrong(place.empty() ? "schema" : place, schema, "an object, true or false is needed");
  for (const auto& [name, value] : schema.items())
    if (const auto keyword = keywords().find(name); keyword != keywords().end())
      if (auto problem = keyword->second(value, below(place, name))) return problem;
  return {};
}

}  // namespace

Problem problem_of_schema(const Json& schema) { return check_schema(schema, ""); }

}  // namespace luthier::api
