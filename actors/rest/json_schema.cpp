#include "actors/rest/lax.hpp"
#include "actors/rest/schema_node.hpp"
#include "events/base/overloaded.hpp"

namespace luthier::rest {
namespace {

Json bound_of(double bound) {
  if (const auto integer = whole(bound)) return *integer;
  return bound;
}

void put_bounds(Json& out, const ItemBounds& bounds, std::string_view min_name, std::string_view max_name) {
  if (bounds.min > 0) append_member(out, std::string(min_name), bounds.min);
  if (bounds.max != Schema::no_limit) append_member(out, std::string(max_name), bounds.max);
}

Json of_text(const TextRules& rules) {
  Json out = {{"type", "string"}};
  put_bounds(out, {rules.length_min, rules.length_max}, "minLength", "maxLength");
  if (rules.pattern) append_member(out, "pattern", rules.pattern->text());
  if (!rules.format.empty()) append_member(out, "format", rules.format);
  return out;
}

Json of_number(const NumberRules& rules) {
  Json out = {{"type", rules.is_whole ? "integer" : "number"}};
  if (rules.at_least) append_member(out, "minimum", bound_of(*rules.at_least));
  if (rules.above) append_member(out, "exclusiveMinimum", bound_of(*rules.above));
  if (rules.at_most) append_member(out, "maximum", bound_of(*rules.at_most));
  if (rules.below) append_member(out, "exclusiveMaximum", bound_of(*rules.below));
  return out;
}

Json of_object(const ObjectRules& rules, Json& components) {
  Json properties = Json::object(), needed = Json::array();
  for (const auto& field : rules.fields) {
    Json property = json_schema(field.schema, components);
    if (field.fallback) append_member(property, "default", *field.fallback);
    append_member(properties, field.name, std::move(property));
    if (field.required) needed.push_back(field.name);
  }
  Json out = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!needed.empty()) append_member(out, "required", std::move(needed));
  if (rules.extra == Extra::forbid) append_member(out, "additionalProperties", false);
  if (rules.extra == Extra::keep) append_member(out, "additionalProperties", true);
  return out;
}

// A variant need not declare the member that tells it apart; its schema does.
Json of_variant(const std::string& member, const std::string& tag, const Schema& variant, Json& components) {
  for (const auto& field : std::get<ObjectRules>(variant.node().rules).fields)
    if (field.name == member) return json_schema(variant, components);
  ObjectRules rules = std::get<ObjectRules>(variant.node().rules);
  rules.fields.insert(rules.fields.begin(), required(member, literal(tag)));
  SchemaNode node = variant.node();
  node.rules = std::move(rules);
  return json_schema(Schema(std::make_shared<const SchemaNode>(std::move(node))), components);
}

Json of_tagged(const TaggedRules& rules, Json& components) {
  Json choices = Json::array(), mapping = Json::object();
  for (const auto& [tag, variant] : rules.variants) {
    Json choice = of_variant(rules.member, tag, variant, components);
    if (const Json* reference = find_member(choice, "$ref")) append_member(mapping, tag, *reference);
    choices.push_back(std::move(choice));
  }
  Json out = {{"oneOf", std::move(choices)}};
  if (mapping.size() == rules.variants.size())
    append_member(out, "discriminator", {{"propertyName", rules.member}, {"mapping", std::move(mapping)}});
  return out;
}

Json of_choices(const AnyOfRules& rules, Json& components) {
  Json choices = Json::array();
  for (const auto& choice : rules.choices) choices.push_back(json_schema(choice, components));
  return Json::object({{"anyOf", std::move(choices)}});
}

Json of_list(const ListRules& rules, Json& components) {
  Json out = {{"type", "array"}, {"items", json_schema(rules.item, components)}};
  put_bounds(out, rules.bounds, "minItems", "maxItems");
  return out;
}

Json of_map(const MapRules& rules, Json& components) {
  Json out = {{"type", "object"}, {"additionalProperties", json_schema(rules.value, components)}};
  put_bounds(out, rules.bounds, "minProperties", "maxProperties");
  return out;
}

Json plain(const SchemaNode& node, Json& components) {
  Json out = std::visit(overloaded{[](const AnyRules&) { return Json(Json::object()); },
                                   [](const BooleanRules&) { return Json::object({{"type", "boolean"}}); },
                                   [](const TextRules& rules) { return of_text(rules); },
                                   [](const NumberRules& rules) { return of_number(rules); },
                                   [](const LiteralRules& rules) { return Json::object({{"const", rules.value}}); },
                                   [](const EnumRules& rules) { return Json::object({{"type", "string"}, {"enum", rules.values}}); },
                                   [&](const ListRules& rules) { return of_list(rules, components); },
                                   [&](const MapRules& rules) { return of_map(rules, components); },
                                   [&](const ObjectRules& rules) { return of_object(rules, components); },
                                   [&](const TaggedRules& rules) { return of_tagged(rules, components); },
                                   [&](const AnyOfRules& rules) { return of_choices(rules, components); }},
                        node.rules);
  if (!node.description.empty()) append_member(out, "description", node.description);
  if (node.is_secret) append_member(out, "writeOnly", true);
  return out;
}

Json with_reference(const SchemaNode& node, Json& components) {
  if (node.component.empty()) return plain(node, components);
  if (components.is_null()) components = Json::object();
  if (!find_member(components, node.component)) {
    append_member(components, node.component, Json::object());  // first its place: the components keep the order of first use
    Json held = plain(node, components);
    components[node.component] = std::move(held);
  }
  return Json::object({{"$ref", "#/components/schemas/" + node.component}});
}

}  // namespace

Json json_schema(const Schema& schema, Json& components) {
  const SchemaNode& node = schema.node();
  Json out = with_reference(node, components);
  const bool is_any = std::holds_alternative<AnyRules>(node.rules);
  if (node.is_nullable && !is_any) out = Json::object({{"anyOf", Json::array({std::move(out), Json::object({{"type", "null"}})})}});
  if (!node.use_description.empty()) append_member(out, "description", node.use_description);
  return out;
}

}  // namespace luthier::rest
