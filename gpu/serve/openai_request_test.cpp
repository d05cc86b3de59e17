#include "gpu/serve/openai_request.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace luthier;
using namespace luthier::serve;
using nlohmann::ordered_json;

namespace {

const text::Tokenizer& tiny() {
  static const auto loaded = text::Tokenizer::load("tests/golden/models/llama-tiny");
  if (!loaded) FAIL(loaded.error().message);
  return *loaded;
}

Result<OpenAiRequest> chat(ordered_json changes) {
  ordered_json body{{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  if (changes.is_object()) body.update(changes);
  return read_chat_request(body, tiny());
}

Result<OpenAiRequest> completion(ordered_json changes) {
  ordered_json body{{"model", "m"}, {"prompt", "hi"}};
  if (changes.is_object()) body.update(changes);
  return read_completion_request(body);
}

void check_refused(const Result<OpenAiRequest>& request, const std::string& field) {
  REQUIRE_FALSE(request);
  CHECK(request.error().code == ErrorCode::invalid);
  CHECK(request.error().field == field);
  CHECK(request.error().message.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("a chat request has OpenAI's defaults, and its prompt is the rendered template") {
  const auto request = chat({});
  REQUIRE(request);
  CHECK(request->is_chat);
  CHECK(request->sampling.temperature == 1.0);
  CHECK(request->sampling.top_p == 1.0);
  CHECK_FALSE(request->tokens_max);
  CHECK(request->n == 1);
  CHECK_FALSE(request->stream);
  CHECK(std::get<std::string>(request->prompts.at(0).content) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("all members are read, and null counts as absent") {
  const auto request = chat({{"temperature", 0.25}, {"top_p", 0.5}, {"seed", -3}, {"max_tokens", 9}, {"max_completion_tokens", 7}, {"n", 2},
                             {"stop", {"a", "b"}}, {"stream", true}, {"stream_options", {{"include_usage", true}}},
                             {"presence_penalty", nullptr}, {"user", 5}, {"logprobs", true}, {"top_logprobs", 3}});
  REQUIRE(request);
  CHECK(request->sampling.temperature == 0.25);
  CHECK(request->sampling.seed == static_cast<std::uint64_t>(-3));
  CHECK(request->tokens_max == 7);
  CHECK(request->stops == std::vector<std::string>{"a", "b"});
  CHECK((request->stream && request->include_usage && request->has_seed));
  CHECK(request->n == 2);
  CHECK(request->logprobs_top == 3);
}

TEST_CASE("text parts become one text") {
  const auto request = chat({{"messages", {{{"role", "user"}, {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}}}}});
  REQUIRE(request);
  CHECK(std::get<std::string>(request->prompts.at(0).content).find("user\na\nb<") != std::string::npos);
}

TEST_CASE("a prompt is a string, strings, token ids, or lists of them") {
  CHECK(completion({})->tokens_max == 16);
  CHECK(completion({{"prompt", {"a", "b"}}})->prompts.size() == 2);
  CHECK(std::get<1>(completion({{"prompt", {1, 2}}})->prompts.at(0).content) == std::vector<std::int32_t>{1, 2});
  CHECK(completion({{"prompt", {{1, 2}, {3}}}})->prompts.size() == 2);
  check_refused(completion({{"prompt", nullptr}}), "prompt");
  check_refused(completion({{"prompt", 5}}), "prompt");
  check_refused(completion({{"prompt", {1, "a"}}}), "prompt");
  check_refused(completion({{"prompt", {1, -2}}}), "prompt");
  check_refused(completion({{"prompt", {1, 1e300}}}), "prompt");
  check_refused(completion({{"prompt", ordered_json::array()}}), "prompt");
  check_refused(completion({{"prompt", std::vector<std::string>(17, "x")}}), "prompt");
  check_refused(completion({{"prompt", std::vector<std::string>(9, "x")}, {"n", 2}}), "n");
}

TEST_CASE("a member of the wrong type or out of range is named") {
  check_refused(chat({{"temperature", "hot"}}), "temperature");
  check_refused(chat({{"temperature", -0.1}}), "temperature");
  check_refused(chat({{"temperature", 1e300}}), "temperature");
  check_refused(chat({{"top_p", 1.5}}), "top_p");
  check_refused(chat({{"max_tokens", 0}}), "max_tokens");
  check_refused(chat({{"max_tokens", -1}}), "max_tokens");
  check_refused(chat({{"max_tokens", 1.5}}), "max_tokens");
  check_refused(chat({{"max_tokens", 18446744073709551615u}}), "max_tokens");
  check_refused(chat({{"max_tokens", true}}), "max_tokens");
  check_refused(chat({{"n", 17}}), "n");
  check_refused(chat({{"n", 0}}), "n");
  check_refused(chat({{"stream", "yes"}}), "stream");
  check_refused(chat({{"stop", ""}}), "stop");
  check_refused(chat({{"stop", 5}}), "stop");
  check_refused(chat({{"stop", std::vector<std::string>(17, "x")}}), "stop");
  check_refused(chat({{"stop", std::string(257, 'x')}}), "stop");
  check_refused(chat({{"stream_options", {{"include_usage", true}}}}), "stream_options");
  check_refused(chat({{"model", nullptr}}), "model");
  check_refused(chat({{"model", 5}}), "model");
  check_refused(chat({{"messages", nullptr}}), "messages");
  check_refused(chat({{"messages", ordered_json::array()}}), "messages");
  check_refused(chat({{"messages", "hi"}}), "messages");
  check_refused(chat({{"messages", {"hi"}}}), "messages[0]");
  check_refused(chat({{"messages", {{{"role", "user"}, {"content", 5}}}}}), "messages[0].content");
  check_refused(chat({{"messages", {{{"role", "user"}}}}}), "messages[0].content");
  check_refused(chat({{"messages", {{{"role", "user"}, {"content", {{{"type", "image_url"}}}}}}}}), "messages[0].content");
  check_refused(chat({{"tools", "x"}}), "tools");
}

TEST_CASE("what is not done is refused by name, not ignored") {
  check_refused(chat({{"response_format", {{"type", "json_object"}}}}), "response_format");
  check_refused(chat({{"logit_bias", {{"5", 1}}}}), "logit_bias");
  check_refused(completion({{"echo", true}}), "echo");
  check_refused(completion({{"suffix", "x"}}), "suffix");
  check_refused(completion({{"best_of", 3}}), "best_of");
  CHECK(chat({{"response_format", {{"type", "text"}}}, {"logit_bias", ordered_json::object()}}));
}

TEST_CASE("bodies that are not what they should be are refused, however they try") {
  const auto refused = [](std::string_view body) {
    const auto parsed = parse_body(body);
    return !parsed && parsed.error().code == ErrorCode::invalid && parsed.error().message.find('\n') == std::string::npos;
  };
  CHECK(refused(""));
  CHECK(refused("[]"));
  CHECK(refused("null"));
  CHECK(refused("{\"a\": NaN}"));
  CHECK(refused("{\"a\": 1"));
  CHECK(refused("{\"a\": \"\xff\xfe\"}"));
  CHECK(refused("{\"a\": \"\\ud800\"}"));
  CHECK(refused("{\"a\": 1e999999}"));
  CHECK(refused(std::string(1'000'000, '[')));
  CHECK(refused("{\"a\": " + std::string(100'000, '[') + std::string(100'000, ']') + "}"));
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += "{\"a\":";
  CHECK(refused(nested));
  CHECK(parse_body("{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}"));
}
