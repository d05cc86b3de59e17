#include "actors/rest/answer.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace luthier::rest {
namespace {

const std::string* header(const Answer& answer, std::string_view name) {
  for (const auto& [other, value] : answer.headers)
    if (other == name) return &value;
  return nullptr;
}

Json refused(const Or<Json>& read) {
  const auto* refusal = std::get_if<Answer>(&read);
  REQUIRE(refusal);
  return Json::parse(refusal->body);
}

}  // namespace

TEST_CASE("an error's sentence is its detail, and every 409 and 5xx says that trying again is of no use") {
  CHECK(detail(404, "Job not found").body == R"({"detail":"Job not found"})");
  CHECK_FALSE(header(detail(404, "x"), "x-should-retry"));
  CHECK_FALSE(header(detail(429, "x"), "x-should-retry"));
  for (const int status : {409, 500, 503, 507}) {
    REQUIRE(header(detail(status, "x"), "x-should-retry"));
    CHECK(*header(detail(status, "x"), "x-should-retry") == "false");
  }
}

TEST_CASE("one table turns the code of an error into a status") {
  CHECK(from_error({ErrorCode::not_found, "the model default/x does not exist", {}}).status == 404);
  CHECK(from_error({ErrorCode::conflict, "x", {}}).status == 409);
  CHECK(from_error({ErrorCode::invalid, "x", {}}).status == 422);
  CHECK(from_error({ErrorCode::forbidden, "x", {}}).status == 403);
  CHECK(from_error({ErrorCode::limit, "x", {}}).status == 429);
  CHECK(from_error({ErrorCode::unavailable, "x", {}}).status == 503);
  CHECK(from_error({ErrorCode::io, "x", {}}).status == 507);
  CHECK(from_error({ErrorCode::corrupt, "x", {}}).status == 500);
}

TEST_CASE("an error names its field, and a fault of ours tells nothing of its insides") {
  CHECK(from_error({ErrorCode::invalid, "must be positive", "rank"}).body == R"({"detail":"rank: must be positive"})");
  CHECK(from_error({ErrorCode::invalid, "rank must be positive", "rank"}).body == R"({"detail":"rank must be positive"})");
  const auto answer = from_error({ErrorCode::internal, "null pointer in core.cpp", {}});
  CHECK(answer.status == 500);
  CHECK(answer.body.find("core.cpp") == std::string::npos);
}

TEST_CASE("a created resource is 201, and 204 has neither body nor type") {
  CHECK(created({{"a", 1}}).status == 201);
  CHECK(created({{"a", 1}}).body == R"({"a":1})");
  CHECK(no_content().status == 204);
  CHECK(no_content().body.empty());
}

TEST_CASE("a body that is no JSON is 422 json_invalid with the offset of the byte") {
  const auto body = refused(parse_body("{\"a\": nope}"));
  const auto& problem = body["detail"][0];
  CHECK(problem["type"] == "json_invalid");
  CHECK(problem["loc"][0] == "body");
  CHECK(problem["loc"][1] == 7);
  CHECK(problem["msg"] == "JSON decode error");
  CHECK(problem["input"] == Json::object());
  CHECK_FALSE(problem["ctx"]["error"].get<std::string>().empty());
  CHECK(refused(parse_body("{"))["detail"][0]["loc"][1] == 1);
}

TEST_CASE("a body with a member twice, too deep, or with bytes that are not UTF-8 is refused") {
  CHECK(refused(parse_body(R"({"a":1,"a":2})"))["detail"][0]["ctx"]["error"] == "the member \"a\" is there twice");
  CHECK(refused(parse_body(std::string(100'000, '[')))["detail"][0]["type"] == "json_invalid");
  CHECK(refused(parse_body("{\"a\":\"\xC3\x28\"}"))["detail"][0]["type"] == "json_invalid");
  CHECK(std::get<Json>(parse_body("[[[]]]", {.depth_max = 3})) == Json::parse("[[[]]]"));
}

TEST_CASE("a body that is too long is 413") {
  const auto read = parse_body(std::string(100, ' '), {.bytes_max = 99});
  CHECK(std::get<Answer>(read).status == 413);
}

TEST_CASE("a body with very many members is read and copied without walking through them again and again") {
  std::string text = "{";
  for (int i = 0; i < 90'000; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":1";
  const auto read = parse_body(text + "}", {.bytes_max = 2'000'000});
  CHECK(std::get<Json>(read).size() == 90'000);
  CHECK(without_nulls(std::get<Json>(read)).size() == 90'000);
}

TEST_CASE("JSON is written without throwing, whatever it holds") {
  CHECK(dump({{"a", "\xFF"}}) == "{\"a\":\"\xEF\xBF\xBD\"}");
  CHECK(dump(Json(std::numeric_limits<double>::infinity())) == "null");
}

TEST_CASE("members that are null are left out of a row at any depth, elements of lists are not") {
  const auto row = Json::parse(R"({"b":null,"a":{"c":null,"d":[null,{"e":null,"f":0}]},"g":false})");
  CHECK(dump(without_nulls(row)) == R"({"a":{"d":[null,{"f":0}]},"g":false})");
}

TEST_CASE("JSON is equal whatever the order of members") {
  CHECK(same_json(Json::parse(R"({"a":1,"b":[{}]})"), Json::parse(R"({"b":[{}],"a":1.0})")));
  CHECK_FALSE(same_json(Json::parse(R"({"a":1})"), Json::parse(R"({"a":1,"b":2})")));
  CHECK_FALSE(same_json(Json::parse("[1,2]"), Json::parse("[2,1]")));
}

}  // namespace luthier::rest
