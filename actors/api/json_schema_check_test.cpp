#include "actors/api/json_schema_check.hpp"

#include <catch2/catch.hpp>

namespace luthier::api {
namespace {

std::optional<std::string> problem(const char* text) { return problem_of_schema(rest::Json::parse(text)); }

}  // namespace

TEST_CASE("a JSON Schema is recognised, with keywords that nobody knows") {
  for (const auto* text : {
           "{}", R"({"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"], "additionalProperties": false})",
           R"({"type": ["string", "null"], "default": null, "const": null, "x-mine": 5})",
           R"({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true})",
           R"({"items": [{"type": "string"}, true], "prefixItems": [{}], "dependencies": {"a": ["b"], "c": {"type": "null"}}})",
           R"({"anyOf": [{"$ref": "#/$defs/row"}, {"not": {}}], "$defs": {"row": {"maxLength": 5.0, "multipleOf": 0.5}}})",
           R"({"properties": {"type": {"enum": [1, "a", null]}, "required": {"type": "boolean"}}})"}) {
    INFO(text);
    CHECK(problem(text).value_or("") == "");
  }
}

TEST_CASE("what is no JSON Schema is refused with its place and value") {
  const auto says = [](const char* text, const std::string& place, const std::string& value) {
    INFO(text);
    const auto found = problem(text);
    REQUIRE(found);
    INFO(*found);
    CHECK(found->starts_with(place + ":"));
    CHECK(found->find(value) != std::string::npos);
  };
  says(R"({"type": "no-such-type"})", "type", "no-such-type");
  says(R"({"type": ["string", "strong"]})", "type", "strong");
  says(R"({"type": []})", "type", "[]");
  says(R"({"type": ["null", "null"]})", "type", "null");
  says(R"({"properties": {"a": {"properties": {"b": {"type": 5}}}}})", "properties.a.properties.b.type", "5");
  says(R"({"properties": ["a"]})", "properties", "a");
  says(R"({"required": "a"})", "required", "a");
  says(R"({"required": ["a", "a"]})", "required", "a");
  says(R"({"minLength": -1})", "minLength", "-1");
  says(R"({"minLength": 1.5})", "minLength", "1.5");
  says(R"({"maximum": "9"})", "maximum", "9");
  says(R"({"multipleOf": 0})", "multipleOf", "0");
  says(R"({"allOf": []})", "allOf", "[]");
  says(R"({"oneOf": [{}, {"items": "x"}]})", "oneOf[1].items", "x");
  says(R"({"additionalProperties": "no"})", "additionalProperties", "no");
  says(R"({"enum": "a"})", "enum", "a");
  says(R"(["no schema"])", "schema", "no schema");
}

}  // namespace luthier::api
