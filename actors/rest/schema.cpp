#include "actors/rest/schema.hpp"

#include <algorithm>
#include <cassert>

#include "actors/rest/schema_node.hpp"
#include "events/base/overloaded.hpp"

namespace luthier::rest {
namespace {

template <class Rules>
Schema made(Rules rules, bool holds_secret = false) {
  SchemaNode node;
  node.rules = std::move(rules);
  node.holds_secret = holds_secret;
  return Schema(std::make_shared<const SchemaNode>(std::move(node)));
}

bool holds_secret(const Schema& schema) { return schema.node().holds_secret; }

template <class Rules>
Rules& of_kind(SchemaNode& node) {
  auto* rules = std::get_if<Rules>(&node.rules);
  assert(rules && "this refinement does not suit this kind of schema");
  return *rules;
}

}  // namespace

Schema::Schema() : Schema(any()) {}
Schema::Schema(std::shared_ptr<const SchemaNode> node) : node_(std::move(node)) {}

template <class Change>
Schema Schema::changed(Change change) const {
  auto node = std::make_shared<SchemaNode>(*node_);
  change(*node);
  return Schema(std::shared_ptr<const SchemaNode>(std::move(node)));
}

Schema Schema::pattern(std::string_view regex, std::string_view message) const {
  auto compiled = Pattern::compile(regex);
  assert(compiled && "a pattern that is written in our sources compiles");
  return changed([&](SchemaNode& node) {
    auto& rules = of_kind<TextRules>(node);
    rules.pattern = std::move(*compiled);
    rules.pattern_message = message;
  });
}

Schema Schema::length(std::size_t min, std::size_t max) const {
  return changed([&](SchemaNode& node) {
    auto& rules = of_kind<TextRules>(node);
    rules.length_min = min, rules.length_max = max;
  });
}

Schema Schema::format(std::string_view name) const {
  return changed([&](SchemaNode& node) { of_kind<TextRules>(node).format = name; });
}

Schema Schema::at_least(double bound) const {
  return changed([&](SchemaNode& node) { of_kind<NumberRules>(node).at_least = bound; });
}
Schema Schema::above(double bound) const {
  return changed([&](SchemaNode& node) { of_kind<NumberRules>(node).above = bound; });
}
Schema Schema::at_most(double bound) const {
  return changed([&](SchemaNode& node) { of_kind<NumberRules>(node).at_most = bound; });
}
Schema Schema::below(double bound) const {
  return changed([&](SchemaNode& node) { of_kind<NumberRules>(node).below = bound; });
}

Schema Schema::items(std::size_t min, std::size_t max) const {
  return changed([&](SchemaNode& node) {
    if (auto* list = std::get_if<ListRules>(&node.rules))
      list->bounds = {min, max};
    else
      of_kind<MapRules>(node).bounds = {min, max};
  });
}

Schema Schema::extra(Extra what) const {
  return changed([&](SchemaNode& node) { of_kind<ObjectRules>(node).extra = what; });
}

Schema Schema::or_null() const {
  return changed([](SchemaNode& node) { node.is_nullable = true; });
}
Schema Schema::secret() const {
  return changed([](SchemaNode& node) { node.is_secret = node.holds_secret = true; });
}
Schema Schema::check(Check rule) const {
  return changed([&](SchemaNode& node) { node.checks.push_back(std::move(rule)); });
}
Schema Schema::described(std::string_view sentence) const {
  return changed([&](SchemaNode& node) { (node.component.empty() ? node.description : node.use_description) = sentence; });
}
Schema Schema::named(std::string_view component) const {
  return changed([&](SchemaNode& node) { node.component = component; });
}

Schema any() { return made(AnyRules{}); }
Schema text() { return made(TextRules{}); }
Schema integer() { return made(NumberRules{.is_whole = true}); }
Schema number() { return made(NumberRules{}); }
Schema boolean() { return made(BooleanRules{}); }
Schema literal(Json value) { return made(LiteralRules{std::move(value)}); }
Schema timestamp() { return text().format("date-time"); }

Schema one_of(std::vector<std::string> values) {
  assert(!values.empty());
  return made(EnumRules{std::move(values)});
}

Schema list_of(Schema item) {
  const bool secret = holds_secret(item);
  return made(ListRules{std::move(item), {}}, secret);
}

Schema map_of(Schema value) {
  const bool secret = holds_secret(value);
  return made(MapRules{std::move(value), {}}, secret);
}

Schema object(std::vector<Field> fields) {
  const bool secret = std::any_of(fields.begin(), fields.end(), [](const Field& field) { return holds_secret(field.schema); });
  return made(ObjectRules{std::move(fields), Extra::ignore}, secret);
}

Schema tagged(std::string_view member, std::vector<std::pair<std::string, Schema>> variants) {
  bool secret = false;
  for (const auto& [tag, variant] : variants) {
    assert(std::holds_alternative<ObjectRules>(variant.node().rules) && "variants are told apart by a member: they are objects");
    secret = secret || holds_secret(variant);
  }
  return made(TaggedRules{std::string(member), std::move(variants)}, secret);
}

Schema any_of(std::vector<Schema> choices) {
  assert(!choices.empty());
  const bool secret = std::any_of(choices.begin(), choices.end(), holds_secret);
  return made(AnyOfRules{std::move(choices)}, secret);
}

Field required(std::string_view name, Schema schema) { return {std::string(name), std::move(schema), true, std::nullopt}; }
Field maybe(std::string_view name, Schema schema) { return {std::string(name), std::move(schema), false, std::nullopt}; }

Field optional(std::string_view name, Schema schema, Json fallback) {
  if (fallback.is_null()) return {std::string(name), schema.or_null(), false, std::optional<Json>(std::in_place, nullptr)};
  auto complete = validate(schema, fallback);
  return {std::string(name), std::move(schema), false,
          std::optional<Json>(std::in_place, complete.problems.empty() ? std::move(complete.value) : std::move(fallback))};
}

}  // namespace luthier::rest
