#include "actors/api/inference_mock.hpp"

#include <catch2/catch.hpp>

namespace luthier::api {
namespace {

using rest::Json;

gateway::HttpHeaders headers(std::initializer_list<std::pair<const char*, const char*>> all) {
  gateway::HttpHeaders made;
  for (const auto& [name, value] : all) made.add(name, value);
  return made;
}

Json a_provider(const Json& extra_headers) { return {{"id", "p"}, {"name", "igw-mock-1"}, {"default_extra_headers", extra_headers}}; }

}  // namespace

TEST_CASE("without a prefix there is no mock") {
  const InferenceMock mock("");
  const auto given = headers({{"X-Mock-Response", "{}"}});
  CHECK_FALSE(mock.brought({"POST", "v1/chat/completions", "{}", given}));
  CHECK_FALSE(mock.is_mock("igw-mock-1"));
  CHECK_FALSE(mock.is_mock(""));
}

TEST_CASE("a request may bring its answer and its status along") {
  const InferenceMock mock("igw-mock-");
  const auto given = headers({{"x-mock-response", R"({"a": 1})"}, {"X-Mock-Status", "418"}});
  const auto answer = mock.brought({"DELETE", "any", "", given});
  REQUIRE(answer);
  CHECK(answer->status == 418);
  CHECK(answer->body == R"({"a": 1})");
  const auto broken = headers({{"X-Mock-Response", "{no"}});
  CHECK(mock.brought({"POST", "any", "", broken})->status == 400);
  CHECK(mock.brought({"POST", "any", "", broken})->body.find("Invalid JSON") != std::string::npos);
  const auto odd = headers({{"X-Mock-Response", "{}"}, {"X-Mock-Status", "99"}});
  CHECK(mock.brought({"POST", "any", "", odd})->status == 400);
}

TEST_CASE("a mock provider has defaults, and says what is missing") {
  InferenceMock mock("igw-mock-");
  const gateway::HttpHeaders none;
  const auto provider = a_provider({{"x-mock-served-models", R"(["m1","m2"])"}});
  CHECK(mock.answer({"GET", "v1/health/live", "", none}, provider, "").body == R"({"status":"live"})");
  CHECK(mock.answer({"GET", "v1/health/ready", "", none}, provider, "").body == R"({"status":"ready"})");
  const auto models = Json::parse(mock.answer({"GET", "v1/models", "", none}, provider, "").body);
  CHECK(models["data"][1]["id"] == "m2");
  CHECK(Json::parse(mock.answer({"GET", "v1/models", "", none}, a_provider(Json::object()), "").body)["data"][0]["id"] == "mock-model");
  const auto missing = mock.answer({"POST", "v1/chat/completions", R"({"model":"m1"})", none}, provider, "");
  CHECK(missing.status == 400);
  CHECK(missing.body.find("Mock provider mode is enabled") != std::string::npos);
  CHECK(missing.body.find("X-Mock-Response") != std::string::npos);
}

TEST_CASE("a map gives each model its answers in order, and the last one again and again") {
  InferenceMock mock("igw-mock-");
  const gateway::HttpHeaders none;
  const auto provider = a_provider({{"X-Mock-Response-Map", R"({"ws/a":[{"response_code":200,"response_body":{"n":1}},{"response_code":429,"response_body":{"n":2}}],"ws/b":[{}]})"}});
  const auto ask = [&](const char* body, const char* entity = "") { return mock.answer({"POST", "v1/chat/completions", body, none}, provider, entity); };
  CHECK(ask(R"({"model":"ws/a"})").body == R"({"n":1})");
  CHECK(ask(R"({"model":"ws/b"})").body == "{}");
  CHECK(ask(R"({"model":"a"})", "ws/a").status == 429);
  CHECK(ask(R"({"model":"ws/a"})").body == R"({"n":2})");
}

TEST_CASE("a stream begins with the role, is cut at blanks, and ends with a reason and DONE") {
  const auto stream = as_event_stream({{"id", "x"}, {"model", "m"}, {"choices", {{{"message", {{"content", "one two"}}}, {"finish_reason", "length"}}}}});
  std::vector<Json> chunks;
  for (std::size_t at = 0; (at = stream.find("data: {", at)) != stream.npos; ++at) chunks.push_back(Json::parse(stream.substr(at + 6, stream.find('\n', at) - at - 6)));
  REQUIRE(chunks.size() == 4);
  CHECK(chunks[0]["choices"][0]["delta"] == Json({{"role", "assistant"}, {"content", ""}}));
  CHECK(chunks[1]["choices"][0]["delta"]["content"] == "one ");
  CHECK(chunks[2]["choices"][0]["delta"]["content"] == "two");
  CHECK(chunks[3]["choices"][0]["finish_reason"] == "length");
  CHECK(stream.ends_with("data: [DONE]\n\n"));
}

}  // namespace luthier::api
