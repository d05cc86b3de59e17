#include "actors/rest/schema.hpp"

#include <catch2/catch.hpp>
#include <chrono>

namespace luthier::rest {
namespace {

Json parsed(std::string_view text) { return Json::parse(text); }

// The one problem of a value.
Problem problem_of(const Schema& schema, const Json& value) {
  auto found = validate(schema, value).problems;
  REQUIRE(found.size() == 1);
  return found.front();
}

std::string type_of(const Schema& schema, const Json& value) { return problem_of(schema, value).type; }
std::string message_of(const Schema& schema, const Json& value) { return problem_of(schema, value).msg; }

Json value_of(const Schema& schema, const Json& value) {
  auto read = validate(schema, value);
  for (const auto& problem : read.problems) UNSCOPED_INFO(problem.msg << " at " << dump(problem.loc));
  REQUIRE(read.problems.empty());
  return read.value;
}

}  // namespace

TEST_CASE("a required member that is absent is missing, with the whole object as the input") {
  const auto problem = problem_of(object({required("name", text())}), parsed(R"({"nam":"x"})"));
  CHECK(problem.type == "missing");
  CHECK(problem.loc == parsed(R"(["body","name"])"));
  CHECK(problem.msg == "Field required");
  CHECK(problem.input == parsed(R"({"nam":"x"})"));
  CHECK(problem.ctx.is_discarded());
}

TEST_CASE("absent members get their defaults, in the declared order, and nested defaults are complete") {
  const auto lora = object({optional("rank", integer(), 8), optional("alpha", integer(), 32), optional("modules", list_of(text()))});
  const auto schema = object({optional("epochs", integer(), 10), optional("lora", lora, Json::object()), optional("seed", integer()),
                              maybe("enabled", boolean())});
  CHECK(dump(value_of(schema, parsed(R"({"seed":null,"unknown":1})"))) ==
        R"({"epochs":10,"lora":{"rank":8,"alpha":32,"modules":null},"seed":null})");
  CHECK(dump(value_of(schema, parsed(R"({"enabled":false,"lora":{"rank":4}})"))) ==
        R"({"epochs":10,"lora":{"rank":4,"alpha":32,"modules":null},"seed":null,"enabled":false})");
  CHECK(type_of(schema, parsed(R"({"epochs":null})")) == "int_type");
  CHECK(type_of(schema, parsed(R"({"enabled":null})")) == "bool_type");
}

TEST_CASE("text has a length in characters and a pattern") {
  const auto schema = text().length(2, 3).pattern("^[a-zé]+$");
  CHECK(value_of(schema, "éé") == "éé");
  CHECK(message_of(schema, 5) == "Input should be a valid string");
  CHECK(message_of(schema, "é") == "String should have at least 2 characters");
  CHECK(message_of(text().length(1), "") == "String should have at least 1 character");
  CHECK(message_of(schema, "abcd") == "String should have at most 3 characters");
  CHECK(problem_of(schema, "abcd").ctx == parsed(R"({"max_length":3})"));
  const auto problem = problem_of(schema, "AB");
  CHECK(problem.type == "string_pattern_mismatch");
  CHECK(problem.msg == "String should match pattern '^[a-zé]+$'");
  CHECK(type_of(text().pattern("^a$"), "a\n") == "string_pattern_mismatch");
  CHECK(value_of(text().pattern("b"), "abc") == "abc");
}

TEST_CASE("a pattern may have a sentence of its own, which names the value") {
  const auto problem = problem_of(text().pattern(R"(^[\w\-.]+$)", "Invalid secret name: {}"), "a b");
  CHECK(problem.type == "value_error");
  CHECK(problem.msg == "Value error, Invalid secret name: a b");
}

TEST_CASE("a pattern that would try for ever gives up") {
  const auto begin = std::chrono::steady_clock::now();
  CHECK(type_of(text().pattern("^(a+)+$"), std::string(5000, 'a') + "!") == "string_pattern_mismatch");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}

TEST_CASE("a pattern goes through a text of a mebibyte") {
  CHECK_FALSE(value_of(text().pattern(R"(^[\w\-.]+$)"), std::string(1 << 20, 'a')).empty());
}

TEST_CASE("whole numbers are read from what is clearly one") {
  CHECK(value_of(integer(), 5) == 5);
  CHECK(value_of(integer(), "5") == 5);
  CHECK(value_of(integer(), " +5 ") == 5);
  CHECK(dump(value_of(integer(), 5.0)) == "5");
  CHECK(dump(value_of(integer(), true)) == "1");
  CHECK(message_of(integer(), "five") == "Input should be a valid integer, unable to parse string as an integer");
  CHECK(type_of(integer(), "") == "int_parsing");
  CHECK(message_of(integer(), 5.5) == "Input should be a valid integer, got a number with a fractional part");
  CHECK(type_of(integer(), 5.5) == "int_from_float");
  CHECK(type_of(integer(), nullptr) == "int_type");
  CHECK(type_of(integer(), Json::array()) == "int_type");
  CHECK(type_of(integer(), "99999999999999999999") == "int_parsing_size");
  CHECK(type_of(integer(), 1e300) == "int_parsing_size");
}

TEST_CASE("numbers are read laxly, and never as what JSON cannot write") {
  CHECK(dump(value_of(number(), 5)) == "5.0");
  CHECK(value_of(number(), "1e-4") == 1e-4);
  CHECK(message_of(number(), "x") == "Input should be a valid number, unable to parse string as a number");
  CHECK(type_of(number(), Json::object()) == "float_type");
  for (const auto* text : {"nan", "inf", "-Infinity", "1e999", "0x10"}) CHECK(type_of(number(), text) == "float_parsing");
}

TEST_CASE("flags are read laxly") {
  CHECK(value_of(boolean(), "True") == true);
  CHECK(value_of(boolean(), "off") == false);
  CHECK(value_of(boolean(), 1) == true);
  CHECK(message_of(boolean(), "maybe") == "Input should be a valid boolean, unable to interpret input");
  CHECK(type_of(boolean(), 2) == "bool_parsing");
  CHECK(message_of(boolean(), nullptr) == "Input should be a valid boolean");
}

TEST_CASE("numbers have bounds, told as whole numbers where they are whole") {
  CHECK(message_of(integer().above(0), 0) == "Input should be greater than 0");
  CHECK(problem_of(integer().above(0), 0).ctx == parsed(R"({"gt":0})"));
  CHECK(message_of(integer().at_least(1), 0) == "Input should be greater than or equal to 1");
  CHECK(message_of(number().below(1), 1) == "Input should be less than 1");
  CHECK(message_of(number().at_most(0.5), 0.75) == "Input should be less than or equal to 0.5");
  CHECK(value_of(integer().at_least(1).at_most(1), 1) == 1);
}

TEST_CASE("texts of an enum and literals list what is expected") {
  const auto enumerated = problem_of(one_of({"lora", "dora", "none"}), "x");
  CHECK(enumerated.type == "enum");
  CHECK(enumerated.msg == "Input should be 'lora', 'dora' or 'none'");
  CHECK(enumerated.ctx == parsed(R"({"expected":"'lora', 'dora' or 'none'"})"));
  CHECK(message_of(literal("sft"), "dpo") == "Input should be 'sft'");
  CHECK(type_of(literal("sft"), 5) == "literal_error");
  CHECK(value_of(literal(4), 4) == 4);
}

TEST_CASE("lists and maps check what they hold, with the place in the location") {
  const auto schema = list_of(object({required("epochs", integer())}));
  CHECK(problem_of(schema, parsed(R"([{"epochs":1},{"epochs":"x"}])")).loc == parsed(R"(["body",1,"epochs"])"));
  CHECK(message_of(schema, Json::object()) == "Input should be a valid list");
  CHECK(message_of(map_of(integer()), 5) == "Input should be a valid dictionary");
  CHECK(problem_of(map_of(integer()), parsed(R"({"a":"x"})")).loc == parsed(R"(["body","a"])"));
  CHECK(message_of(list_of(any()).items(1), Json::array()) == "List should have at least 1 item after validation, not 0");
  CHECK(problem_of(list_of(any()).items(0, 1), parsed("[1,2]")).type == "too_long");
}

TEST_CASE("what is no object is said to be none") {
  CHECK(message_of(object({}), Json::array()) == "Input should be a valid dictionary or object to extract fields from");
  CHECK(type_of(object({}), nullptr) == "model_attributes_type");
}

TEST_CASE("members that an object does not declare are ignored, forbidden or kept") {
  const auto value = parsed(R"({"a":1,"b":2})");
  const auto schema = object({optional("a", integer(), 0)});
  CHECK(dump(value_of(schema, value)) == R"({"a":1})");
  CHECK(dump(value_of(schema.extra(Extra::keep), value)) == R"({"a":1,"b":2})");
  const auto problem = problem_of(schema.extra(Extra::forbid), value);
  CHECK(problem.type == "extra_forbidden");
  CHECK(problem.msg == "Extra inputs are not permitted");
  CHECK(problem.loc == parsed(R"(["body","b"])"));
  CHECK(problem.input == 2);
}

TEST_CASE("objects are told apart by their tag") {
  const auto sft = object({required("epochs", integer())}).extra(Extra::forbid);
  const auto dpo = object({required("type", literal("dpo")), optional("beta", number(), 0.1)});
  const auto schema = object({required("training", tagged("type", {{"sft", sft}, {"dpo", dpo}}))});
  CHECK(dump(value_of(schema, parsed(R"({"training":{"type":"sft","epochs":1}})"))) == R"({"training":{"epochs":1,"type":"sft"}})");
  CHECK(dump(value_of(schema, parsed(R"({"training":{"type":"dpo"}})"))) == R"({"training":{"type":"dpo","beta":0.1}})");
  CHECK(problem_of(schema, parsed(R"({"training":{"type":"sft"}})")).loc == parsed(R"(["body","training","sft","epochs"])"));
  const auto wrong = problem_of(schema, parsed(R"({"training":{"type":"ppo"}})"));
  CHECK(wrong.type == "union_tag_invalid");
  CHECK(wrong.msg == "Input tag 'ppo' found using 'type' does not match any of the expected tags: 'sft', 'dpo'");
  CHECK(wrong.loc == parsed(R"(["body","training"])"));
  const auto absent = problem_of(schema, parsed(R"({"training":{}})"));
  CHECK(absent.type == "union_tag_not_found");
  CHECK(absent.msg == "Unable to extract tag using discriminator 'type'");
  CHECK(type_of(schema, parsed(R"({"training":5})")) == "model_attributes_type");
}

TEST_CASE("of several choices the one that fits as it is goes before one that would have to be read laxly") {
  const auto schema = any_of({integer(), text()});
  CHECK(value_of(schema, "5") == "5");
  CHECK(value_of(schema, 5) == 5);
  CHECK(value_of(any_of({integer(), boolean()}), "5") == 5);
  const auto found = validate(any_of({integer(), object({required("a", text())}).named("A")}), Json::parse(R"({"a":1})")).problems;
  REQUIRE(found.size() == 2);
  CHECK(found[0].loc == parsed(R"(["body","int"])"));
  CHECK(found[1].loc == parsed(R"(["body","A","a"])"));
}

TEST_CASE("null is taken where it was declared") {
  CHECK(value_of(text().or_null(), nullptr) == nullptr);
  CHECK(type_of(text(), nullptr) == "string_type");
}

TEST_CASE("a rule of one's own is a value error, and is asked only of what is otherwise right") {
  const auto schema =
      object({required("tp", integer()), required("gpus", integer())}).check([](const Json& value) -> std::optional<std::string> {
        if (value["gpus"].get<int>() % value["tp"].get<int>() == 0) return std::nullopt;
        return "gpus must be divisible by tp";
      });
  CHECK(value_of(schema, parsed(R"({"tp":2,"gpus":4})"))["tp"] == 2);
  const auto problem = problem_of(schema, parsed(R"({"tp":3,"gpus":4})"));
  CHECK(problem.type == "value_error");
  CHECK(problem.msg == "Value error, gpus must be divisible by tp");
  CHECK(problem.ctx == parsed(R"({"error":{}})"));
  CHECK(type_of(schema, parsed(R"({"tp":"x","gpus":4})")) == "int_parsing");
}

TEST_CASE("a secret is never repeated, nor what contains it or lies beside it") {
  const auto schema = object({required("name", text()), required("value", text().length(1, 5).secret())}).extra(Extra::forbid);
  for (const auto* body : {R"({"value":"hunter2"})", R"({"name":"x","value":"hunter2"})", R"({"name":"x","Value":"hunter2"})",
                           R"(["hunter2"])", R"({"name":"x","value":{"hunter2":1}})"}) {
    INFO(body);
    const auto answer = problems(validate(schema, parsed(body)).problems);
    CHECK(answer.body.find("hunter2") == std::string::npos);
  }
  const auto union_with_secret = tagged("type", {{"s3", object({required("key", text().secret())})}});
  CHECK(problems(validate(union_with_secret, parsed(R"({"type":"hunter2","key":"hunter2"})")).problems).body.find("hunter2") ==
        std::string::npos);
}

TEST_CASE("what was sent is repeated only when it is short") {
  const auto schema = object({required("name", integer())});
  CHECK(problem_of(schema, Json::object({{"name", std::string(5000, 'x')}})).input.get<std::string>().size() < 200);
  CHECK(problem_of(schema, Json::object({{"other", std::string(5000, 'x')}})).input.is_discarded());
}

TEST_CASE("a request that is wrong everywhere gets a bounded list of problems") {
  Json list = Json::array();
  for (int i = 0; i < 50'000; ++i) list.push_back("x");
  const auto found = validate(list_of(integer()), list).problems;
  CHECK(found.size() == problems_max);
  Json wide = Json::object();
  for (int i = 0; i < 50'000; ++i) append_member(wide, std::string(100, 'k') + std::to_string(i), 1);
  CHECK(validate(object({}).extra(Extra::forbid), wide).problems.size() == problems_max);
  CHECK(problems(validate(object({}).extra(Extra::forbid), wide).problems).body.size() < 64 * 1024);
}

TEST_CASE("a body is read, checked and answered for in one step") {
  const auto schema = object({required("name", text())});
  CHECK(std::get<Json>(read_body(schema, R"({"name":"x"})"))["name"] == "x");
  CHECK(std::get<Answer>(read_body(schema, "")).body ==
        R"({"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]})");
  CHECK(std::get<Json>(read_body(schema.or_null(), "")).is_null());
  CHECK(std::get<Answer>(read_body(schema, "{")).body.find("json_invalid") != std::string::npos);
  CHECK(std::get<Answer>(read_body(schema, "{}")).status == 422);
}

TEST_CASE("a schema becomes JSON Schema, named parts once") {
  const auto lora = object({optional("rank", integer().at_least(1), 8)}).described("Low rank").named("Lora");
  const auto schema =
      object({required("name", text().length(1, 63).pattern("^a")), optional("lora", lora), maybe("again", lora.described("Twice")),
              required("kind", one_of({"a", "b"})), optional("key", text().secret())})
          .extra(Extra::forbid)
          .named("Create");
  Json components;
  CHECK(dump(json_schema(schema, components)) == R"({"$ref":"#/components/schemas/Create"})");
  CHECK(components["Create"] == parsed(R"({"type":"object","properties":{
      "name":{"type":"string","minLength":1,"maxLength":63,"pattern":"^a"},
      "lora":{"anyOf":[{"$ref":"#/components/schemas/Lora"},{"type":"null"}],"default":null},
      "again":{"$ref":"#/components/schemas/Lora","description":"Twice"},
      "kind":{"type":"string","enum":["a","b"]},
      "key":{"anyOf":[{"type":"string","writeOnly":true},{"type":"null"}],"default":null}},
      "required":["name","kind"],"additionalProperties":false})"));
  CHECK(components["Lora"] ==
        parsed(R"({"type":"object","properties":{"rank":{"type":"integer","minimum":1,"default":8}},"description":"Low rank"})"));
}

TEST_CASE("a union's JSON Schema has the tag of each variant") {
  Json components;
  const auto schema = tagged("type", {{"a", object({}).named("A")}, {"b", object({required("type", literal("b"))}).named("B")}});
  CHECK(json_schema(schema, components) == parsed(R"({"oneOf":[{"$ref":"#/components/schemas/A"},{"$ref":"#/components/schemas/B"}],
      "discriminator":{"propertyName":"type","mapping":{"a":"#/components/schemas/A","b":"#/components/schemas/B"}}})"));
  CHECK(components["A"]["properties"]["type"]["const"] == "a");
  CHECK(components["A"]["required"] == parsed(R"(["type"])"));
}

}  // namespace luthier::rest
