#include "actors/api/inference_message.hpp"

#include <catch2/catch.hpp>

namespace luthier::api {
namespace {

using rest::Json;

std::string value_of(const gateway::HttpHeaders::Entries& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (gateway::equals_ignoring_case(key, name)) return value;
  return "(none)";
}

std::string target(const char* url, std::string_view tail, std::string_view query = "") {
  return upstream_target(*gateway::parse_upstream_address(url), tail, query).value_or("(none)");
}

std::string body_of(const char* body, const Json& provider, const std::string& model = "") {
  const auto made = upstream_body(body, provider, model);
  return made ? *made : "(" + made.error().message + ")";
}

}  // namespace

TEST_CASE("a tail is put below the provider's address, with one v1") {
  CHECK(target("http://host:1", "v1/chat/completions") == "/v1/chat/completions");
  CHECK(target("http://host:1/v1", "v1/chat/completions") == "/v1/chat/completions");
  CHECK(target("http://host:1/v1", "chat/completions") == "/v1/chat/completions");
  CHECK(target("http://host:1/v1", "v1") == "/v1");
  CHECK(target("http://host:1/api/v1/", "v1/models", "a=1&b=%20") == "/api/v1/models?a=1&b=%20");
  CHECK(target("http://host:1", "v1/models/a b/\xc3\xbc") == "/v1/models/a%20b/%C3%BC");
  CHECK(target("http://host:1", "") == "/");
}

TEST_CASE("a tail cannot leave the provider's address") {
  for (const char* tail : {"..", "../admin", "v1/../../x", "a/./b", "v1/.."}) CHECK(target("http://host:1/v1", tail) == "(none)");
}

TEST_CASE("headers that are for us stay with us, and the provider's are added") {
  gateway::HttpHeaders request;
  for (const auto& [name, value] : {std::pair{"authorization", "Bearer not-needed"}, {"Host", "us"}, {"X-Forwarded-For", "1.2.3.4"}, {"x-nmp-principal-id", "ada"},
                                    {"accept-encoding", "gzip"}, {"X-Tone", "mine"}, {"X-Team", "mine"}, {"Accept", "*/*"}})
    request.add(name, value);
  const Json provider = {{"default_extra_headers", {{"x-tone", "default"}, {"X-New", "default"}}}, {"required_extra_headers", {{"X-Team", "theirs"}}}};
  const auto headers = upstream_headers(request, provider, "");
  for (const char* gone : {"Authorization", "Host", "X-Forwarded-For", "X-NMP-Principal-Id", "Accept-Encoding"}) CHECK(value_of(headers, gone) == "(none)");
  CHECK(value_of(headers, "X-Tone") == "mine");
  CHECK(value_of(headers, "X-New") == "default");
  CHECK(value_of(headers, "X-Team") == "theirs");
  CHECK(value_of(headers, "Accept") == "*/*");
}

TEST_CASE("a provider's key goes where its format says") {
  CHECK(value_of(upstream_headers({}, {{"auth_header_format", nullptr}}, "s3"), "Authorization") == "Bearer s3");
  CHECK(value_of(upstream_headers({}, {{"auth_header_format", "X-Api-Key: {{ auth_secret }}"}}, "s3"), "X-Api-Key") == "s3");
  CHECK(value_of(upstream_headers({}, {{"auth_header_format", "X-Api-Key:a{{auth_secret}}b"}}, "s3"), "X-Api-Key") == "as3b");
}

TEST_CASE("a body takes its model and the provider's extras, the required ones last") {
  CHECK(body_of(R"({"model":"a","x":1.50})", Json::object()) == R"({"model":"a","x":1.50})");
  CHECK(body_of(R"({ "model":"a","x":1.50})", Json::object(), "ws/b") == R"({ "model":"ws/b","x":1.50})");
  CHECK(body_of(R"({"x":1})", Json::object(), "ws/b") == R"({"x":1,"model":"ws/b"})");
  CHECK(body_of(R"({"model":5})", Json::object(), "ws/b") == R"({"model":"ws/b"})");
  const Json provider = {{"default_extra_body", {{"top_p", 0.5}, {"seed", 1}}}, {"required_extra_body", {{"user", "us"}}}};
  CHECK(Json::parse(body_of(R"({"model":"a","seed":2,"user":"me"})", provider)) == Json({{"top_p", 0.5}, {"seed", 2}, {"model", "a"}, {"user", "us"}}));
  CHECK(body_of("plain text", provider, "m") == "plain text");
  CHECK(body_of("[1]", provider, "m") == "[1]");
  CHECK(body_of("", provider, "m").empty());
  CHECK(body_of(R"({"model":"a","model":"b"})", Json::object(), "m").starts_with("("));
}

TEST_CASE("an upstream's refusal of us is our 502, and its other errors keep their status") {
  for (const int status : {401, 403, 404}) {
    const auto answer = wrapped_error(status, "no such model", nullptr);
    CHECK(answer.status == 502);
    CHECK(answer.body == R"({"detail":"Backend returned )" + std::to_string(status) + R"(: no such model"})");
    CHECK(answer.headers == std::vector<std::pair<std::string, std::string>>{{"x-should-retry", "false"}});
  }
  const std::string later = "2";
  const auto busy = wrapped_error(503, R"({"error":{"message":"busy"}})", &later);
  CHECK(busy.status == 503);
  CHECK(Json::parse(busy.body)["detail"] == R"({"error":{"message":"busy"}})");
  CHECK(busy.headers == std::vector<std::pair<std::string, std::string>>{{"Retry-After", "2"}});
  CHECK(wrapped_error(422, "", nullptr).status == 422);
  CHECK(Json::parse(wrapped_error(404, std::string(5000, 'x'), nullptr).body)["detail"].get<std::string>().size() == 2048 + std::string("Backend returned 404: ").size());
}

TEST_CASE("an answer says the entity's name, and one that is no object is none") {
  CHECK(renamed_answer(R"({"id":"1","model":"default--a","choices":[]})", "default/b&adapters/default/a") ==
        R"({"id":"1","model":"default/b&adapters/default/a","choices":[]})");
  CHECK(renamed_answer(R"({"object":"list"})", "m") == R"({"object":"list"})");
  CHECK_FALSE(renamed_answer("[]", "m"));
  CHECK_FALSE(renamed_answer("text", "m"));
  CHECK_FALSE(renamed_answer("", "m"));
}

TEST_CASE("each chunk of a stream says the entity's name, however it is cut") {
  const std::string stream = "data: {\"model\":\"served\",\"choices\":[]}\r\n\r\n: note\n\ndata: {\"x\":1}\n\ndata: [DONE]\n\n";
  const std::string expected = "data: {\"model\":\"ws/m\",\"choices\":[]}\r\n\r\n: note\n\ndata: {\"x\":1}\n\ndata: [DONE]\n\n";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    StreamRenamer renamer("ws/m");
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += size) out += renamer.take(std::string_view(stream).substr(at, size));
    out += renamer.rest();
    CHECK(out == expected);
  }
}

TEST_CASE("a line of a stream without an end is passed on as it comes") {
  StreamRenamer renamer("ws/m");
  const std::string endless = "data: " + std::string(3 << 20, 'x');
  auto out = renamer.take(endless);
  CHECK(out == endless);
  CHECK(renamer.take("\ndata: {\"model\":\"s\"}\n") == "\ndata: {\"model\":\"ws/m\"}\n");
}

}  // namespace luthier::api
