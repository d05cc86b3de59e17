// What a Schema holds. For the files that read it: checking, JSON Schema, queries.
#pragma once

#include <variant>

#include "actors/rest/pattern.hpp"
#include "actors/rest/schema.hpp"

namespace luthier::rest {

struct AnyRules {};
struct BooleanRules {};
struct TextRules {
  std::optional<Pattern> pattern;
  std::string pattern_message;
  std::size_t length_min = 0, length_max = Schema::no_limit;
  std::string format;
};
struct NumberRules {
  bool is_whole = false;
  std::optional<double> at_least = {}, above = {}, at_most = {}, below = {};
};
struct LiteralRules {
  Json value;
};
struct EnumRules {
  std::vector<std::string> values;
};
struct ItemBounds {
  std::size_t min = 0, max = Schema::no_limit;
};
struct ListRules {
  Schema item;
  ItemBounds bounds;
};
struct MapRules {
  Schema value;
  ItemBounds bounds;
};
struct ObjectRules {
  std::vector<Field> fields;
  Extra extra = Extra::ignore;
};
struct TaggedRules {
  std::string member;
  std::vector<std::pair<std::string, Schema>> variants;
};
struct AnyOfRules {
  std::vector<Schema> choices;
};

struct SchemaNode {
  std::variant<AnyRules, BooleanRules, TextRules, NumberRules, LiteralRules, EnumRules, ListRules, MapRules, ObjectRules, TaggedRules,
               AnyOfRules>
      rules;
  bool is_nullable = false;
  bool is_secret = false, holds_secret = false;  // itself; itself or something inside
  std::vector<Schema::Check> checks;
  std::string description;
  std::string component;
  std::string use_description;  // said after the component was named: of this use, not of the component
};

}  // namespace luthier::rest
