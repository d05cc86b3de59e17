// The HTTP interface as a client sees it.
#include "gpu/serve/openai_server.hpp"

#include <httplib.h>
#include <openssl/evp.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

using namespace luthier;
using namespace luthier::serve;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

const std::string token = "secret-of-the-test";

struct Server {
  std::unique_ptr<Engine> engine;
  std::unique_ptr<OpenAiServer> server;

  explicit Server(EngineOptions engine_options = {}, HttpOptions http = {}, std::string admin_token = token) {
    if (engine_options.threads == 0) engine_options.threads = 2;
    auto started = Engine::start("tests/golden/models/llama-tiny", engine_options);
    if (!started) FAIL(started.error().message);
    engine = std::move(*started);
    auto listening = OpenAiServer::start(*engine, {http, {"default/tiny", "tiny"}, "/models/tiny", std::move(admin_token)});
    if (!listening) FAIL(listening.error().message);
    server = std::move(*listening);
  }

  httplib::Client client() const {
    httplib::Client out("127.0.0.1", server->port());
    out.set_read_timeout(30);
    return out;
  }
  httplib::Result post(const std::string& path, const std::string& body, const httplib::Headers& headers = {}) const {
    return client().Post(path, headers, body, "application/json");
  }
  httplib::Result admin(const std::string& path, const json& body) const {
    return post(path, body.dump(), {{"Authorization", "Bearer " + token}});
  }
};

json completion(json changes = {}) {
  json body{{"model", "tiny"}, {"prompt", {5, 6, 7}}, {"max_tokens", 8}, {"temperature", 0}, {"ignore_eos", true}};
  if (changes.is_object()) body.update(changes);
  return body;
}

json chat(json changes = {}) {
  json body{{"model", "tiny"}, {"messages", {{{"role", "user"}, {"content", "What is the name?"}}}}, {"max_tokens", 12}, {"temperature", 0}, {"ignore_eos", true}};
  if (changes.is_object()) body.update(changes);
  return body;
}

void check_error(const httplib::Result& answer, int status, const std::string& param = {}) {
  REQUIRE(answer);
  CHECK(answer->status == status);
  const auto body = json::parse(answer->body, nullptr, false);
  REQUIRE(body.is_object());
  CHECK(body["error"]["message"].is_string());
  CHECK(body["error"]["type"].is_string());
  if (!param.empty()) CHECK(body["error"]["param"] == param);
}

std::vector<json> events_of(const std::string& body) {
  std::vector<json> out;
  REQUIRE(body.ends_with("data: [DONE]\n\n"));
  for (std::size_t at = 0; at < body.size();) {
    const auto end = body.find("\n\n", at);
    REQUIRE(end != std::string::npos);
    const auto line = body.substr(at, end - at);
    REQUIRE(line.starts_with("data: "));
    if (line != "data: [DONE]") out.push_back(json::parse(line.substr(6)));
    at = end + 2;
  }
  return out;
}

void wait_until(const std::function<bool()>& reached) {
  for (int i = 0; i < 2500 && !reached(); ++i) std::this_thread::sleep_for(milliseconds(4));
  REQUIRE(reached());
}

// A client that sends what it likes.
struct RawClient {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  explicit RawClient(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    const timeval patience{20, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~RawClient() { ::close(socket); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  bool send(const std::string& bytes) const { return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()); }
  std::string read_all() const {
    std::string out;
    char buffer[4096];
    for (ssize_t got; (got = ::recv(socket, buffer, sizeof(buffer), 0)) > 0;) out.append(buffer, static_cast<std::size_t>(got));
    return out;
  }
};

std::string raw_post(const std::string& body) {
  return "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a completion has OpenAI's form") {
  const Server server;
  const auto answer = server.post("/v1/completions", completion().dump());
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  const auto body = json::parse(answer->body);
  CHECK(body["object"] == "text_completion");
  CHECK(body["model"] == "tiny");
  CHECK(body["id"].get<std::string>().starts_with("cmpl-"));
  CHECK(body["choices"].size() == 1);
  CHECK(body["choices"][0]["finish_reason"] == "length");
  CHECK(body["usage"] == json{{"prompt_tokens", 3}, {"completion_tokens", 8}, {"total_tokens", 11}});
}

TEST_CASE("a chat completion has OpenAI's form, and its stream joins to the same text") {
  const Server server;
  const auto whole = server.post("/v1/chat/completions", chat().dump());
  REQUIRE(whole);
  REQUIRE(whole->status == 200);
  const auto body = json::parse(whole->body);
  CHECK(body["object"] == "chat.completion");
  CHECK(body["choices"][0]["message"]["role"] == "assistant");

  const auto streamed = server.post("/v1/chat/completions", chat({{"stream", true}, {"stream_options", {{"include_usage", true}}}}).dump());
  REQUIRE(streamed);
  CHECK(streamed->get_header_value("Content-Type").starts_with("text/event-stream"));
  const auto events = events_of(streamed->body);
  std::string text;
  std::string finish;
  CHECK(events.front()["choices"][0]["delta"]["role"] == "assistant");
  for (const auto& event : events) {
    CHECK(event["object"] == "chat.completion.chunk");
    CHECK(event["id"] == events.front()["id"]);
    for (const auto& choice : event["choices"]) {
      text += choice["delta"].value("content", "");
      if (!choice["finish_reason"].is_null()) finish = choice["finish_reason"].get<std::string>();
    }
  }
  CHECK(text == body["choices"][0]["message"]["content"]);
  CHECK(finish == "length");
  CHECK(events.back()["choices"].empty());
  CHECK(events.back()["usage"] == body["usage"]);
}

TEST_CASE("several prompts and n give choices in order") {
  const Server server;
  const auto answer = server.post("/v1/completions", completion({{"prompt", {{5, 6, 7}, {9}}}, {"n", 2}, {"temperature", 1}, {"seed", 5}}).dump());
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  const auto body = json::parse(answer->body);
  REQUIRE(body["choices"].size() == 4);
  for (int i = 0; i < 4; ++i) CHECK(body["choices"][static_cast<std::size_t>(i)]["index"] == i);
  CHECK(body["choices"][0]["text"] != body["choices"][1]["text"]);
  CHECK(body["usage"]["prompt_tokens"] == 4);
  CHECK(body["usage"]["completion_tokens"] == 32);
  const auto again = server.post("/v1/completions", completion({{"prompt", {{5, 6, 7}, {9}}}, {"n", 2}, {"temperature", 1}, {"seed", 5}}).dump());
  CHECK(json::parse(again->body)["choices"] == body["choices"]);
}

TEST_CASE("log probabilities come with the tokens when they are asked for") {
  const Server server;
  const auto answer = server.post("/v1/chat/completions", chat({{"logprobs", true}, {"top_logprobs", 2}}).dump());
  REQUIRE(answer);
  const auto content = json::parse(answer->body)["choices"][0]["logprobs"]["content"];
  REQUIRE(content.size() == 12);
  for (const auto& entry : content) {
    CHECK(entry["logprob"].get<double>() <= 0);
    REQUIRE(entry["top_logprobs"].size() == 2);
    CHECK(entry["top_logprobs"][0]["logprob"] == entry["logprob"]);  // greedy
  }
  const auto plain = server.post("/v1/completions", completion({{"logprobs", 1}}).dump());
  CHECK(json::parse(plain->body)["choices"][0]["logprobs"]["tokens"].size() == 8);
}

TEST_CASE("embeddings are the vectors that transformers gives, of one text or many, as numbers or as base64") {
  const Server server;
  std::ifstream file("tests/golden/serve/embed.json");
  const auto rows = json::parse(file);
  json texts = json::array();
  while (texts.size() < 40) texts.push_back(rows[texts.size() % rows.size()]["text"]);  // more than are in the queue at a time
  const auto answer = server.post("/v1/embeddings", json{{"model", "tiny"}, {"input", texts}}.dump());
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  const auto body = json::parse(answer->body);
  CHECK(body["object"] == "list");
  CHECK(body["model"] == "tiny");
  CHECK(body["usage"]["prompt_tokens"] > 40);
  CHECK(body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"]);
  REQUIRE(body["data"].size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& entry = body["data"][i];
    CHECK(entry["index"] == i);
    const auto got = entry["embedding"].get<std::vector<double>>(), expected = rows[i % rows.size()]["vector"].get<std::vector<double>>();
    REQUIRE(got.size() == expected.size());
    for (std::size_t k = 0; k < got.size(); ++k) CHECK(got[k] == Approx(expected[k]).margin(2e-6));
  }
  const auto encoded = server.post("/v1/embeddings", json{{"model", "tiny"}, {"input", rows[0]["text"]}, {"encoding_format", "base64"}}.dump());
  REQUIRE(encoded->status == 200);
  const auto text = json::parse(encoded->body)["data"][0]["embedding"].get<std::string>();
  std::string bytes(text.size() / 4 * 3, '\0');
  REQUIRE(EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size())) > 0);
  float first = 0;
  std::memcpy(&first, bytes.data(), sizeof(first));
  CHECK(static_cast<double>(first) == Approx(rows[0]["vector"][0].get<double>()).margin(2e-6));

  check_error(server.post("/v1/embeddings", R"({"model":"tiny"})"), 400, "input");
  check_error(server.post("/v1/embeddings", R"({"model":"tiny","input":[]})"), 400, "input");
  check_error(server.post("/v1/embeddings", R"({"model":"tiny","input":"x","encoding_format":"hex"})"), 400, "encoding_format");
  check_error(server.post("/v1/embeddings", R"({"model":"tiny","input":"x","dimensions":3})"), 400, "dimensions");
  check_error(server.post("/v1/embeddings", R"({"model":"none","input":"x"})"), 404, "model");
  check_error(server.post("/v1/embeddings", json{{"model", "tiny"}, {"input", std::string(2000, 'x')}}.dump()), 400);
}

TEST_CASE("models are listed as vLLM does, and each can be asked for") {
  const Server server;
  REQUIRE(server.admin("/v1/load_lora_adapter", {{"lora_name", "default--a"}, {"lora_path", std::filesystem::absolute("tests/golden/models/llama-tiny-adapter")}})->status == 200);
  const auto list = json::parse(server.client().Get("/v1/models")->body);
  REQUIRE(list["data"].size() == 3);
  CHECK(list["data"][0]["id"] == "default/tiny");
  CHECK(list["data"][0]["parent"].is_null());
  CHECK(list["data"][2]["id"] == "default--a");
  CHECK(list["data"][2]["parent"] == "default/tiny");
  for (const char* path : {"/v1/models/default/tiny", "/v1/models/default%2Ftiny"}) {
    const auto one = server.client().Get(path);
    REQUIRE(one);
    CHECK(json::parse(one->body) == list["data"][0]);
  }
  check_error(server.client().Get("/v1/models/none"), 404, "model");
}

TEST_CASE("an adapter is loaded, answers differently, and is gone after it was unloaded, while the base goes on") {
  const Server server;
  const auto path = std::filesystem::absolute("tests/golden/models/llama-tiny-adapter").string();
  const auto base = json::parse(server.post("/v1/completions", completion().dump())->body)["choices"][0]["text"];
  check_error(server.post("/v1/completions", completion({{"model", "default--a"}}).dump()), 404, "model");

  const auto load = [&](const char* version) { return json::parse(server.admin("/v1/load_lora_adapter", {{"lora_name", "default--a"}, {"lora_path", path}, {"version", version}})->body)["status"]; };
  CHECK(load("1") == "loaded");
  CHECK(load("1") == "already loaded");
  CHECK(load("2") == "replaced");
  const auto adapters = json::parse(server.client().Get("/internal/adapters", {{"Authorization", "Bearer " + token}})->body);
  REQUIRE(adapters.size() == 1);
  CHECK(adapters[0]["name"] == "default--a");
  CHECK(adapters[0]["version"] == "2");
  CHECK(adapters[0]["rank"] == 4);
  CHECK(adapters[0]["requests_in_flight"] == 0);

  const auto adapted = server.post("/v1/completions", completion({{"model", "default--a"}}).dump());
  REQUIRE(adapted->status == 200);
  CHECK(json::parse(adapted->body)["choices"][0]["text"] != base);

  CHECK(json::parse(server.admin("/v1/unload_lora_adapter", {{"lora_name", "default--a"}})->body)["status"] == "unloaded");
  CHECK(json::parse(server.admin("/v1/unload_lora_adapter", {{"lora_name", "default--a"}})->body)["status"] == "not loaded");
  check_error(server.post("/v1/completions", completion({{"model", "default--a"}}).dump()), 404, "model");
  CHECK(json::parse(server.post("/v1/completions", completion().dump())->body)["choices"][0]["text"] == base);
}

TEST_CASE("the routes for adapters need the token") {
  const Server server;
  const auto body = json{{"lora_name", "a"}, {"lora_path", "/tmp"}}.dump();
  check_error(server.post("/v1/load_lora_adapter", body), 401);
  check_error(server.post("/v1/load_lora_adapter", body, {{"Authorization", "Bearer wrong-of-the-test!!"}}), 401);
  check_error(server.post("/v1/unload_lora_adapter", body, {{"Authorization", "Bearer"}}), 401);
  check_error(server.client().Get("/internal/adapters"), 401);
  const Server closed({}, {}, "");
  check_error(closed.post("/v1/load_lora_adapter", body, {{"Authorization", "Bearer "}}), 401);
  check_error(server.admin("/v1/load_lora_adapter", {{"lora_name", "a"}, {"lora_path", "relative"}}), 400, "lora_path");
  check_error(server.admin("/v1/load_lora_adapter", {{"lora_name", "tiny"}, {"lora_path", "/tmp"}}), 400, "lora_name");
  CHECK(server.admin("/v1/load_lora_adapter", {{"lora_name", "a"}, {"lora_path", "/does/not/exist"}})->status / 100 == 4);
}

TEST_CASE("bad requests are refused in OpenAI's form, and the server goes on") {
  const Server server;
  check_error(server.post("/v1/completions", "{"), 400);
  check_error(server.post("/v1/completions", std::string(200'000, '[')), 400);
  check_error(server.post("/v1/completions", completion({{"temperature", "x"}}).dump()), 400, "temperature");
  check_error(server.post("/v1/completions", completion({{"max_tokens", 100'000}}).dump()), 400, "max_tokens");
  check_error(server.post("/v1/completions", completion({{"prompt", {1, 2'000'000}}}).dump()), 400, "prompt");
  check_error(server.post("/v1/completions", completion({{"prompt", ""}}).dump()), 400, "prompt");
  check_error(server.post("/v1/chat/completions", "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"), 400);
  check_error(server.post("/v1/nothing", "{}"), 404);
  check_error(server.client().Get("/nothing"), 404);
  check_error(server.client().Get("/v1/completions"), 405);
  check_error(server.client().Delete("/v1/models"), 405);
  const auto context = server.post("/v1/completions", completion({{"max_tokens", 600}}).dump());
  CHECK(json::parse(context->body)["error"]["code"] == "context_length_exceeded");
  CHECK(server.client().Get("/health")->status == 200);
}

TEST_CASE("a full queue answers 429 with Retry-After") {
  const Server server({.requests_running_max = 1, .requests_waiting_max = 2});
  const auto answer = server.post("/v1/completions", completion({{"n", 3}}).dump());
  check_error(answer, 429);
  CHECK(answer->get_header_value("Retry-After") == "1");
  CHECK(server.post("/v1/completions", completion({{"n", 2}}).dump())->status == 200);
}

TEST_CASE("a client that goes away ends its request and frees its memory") {
  const Server server({.requests_running_max = 2});
  const auto free = server.engine->load().blocks_free;
  for (const bool stream : {false, true}) {
    // Four choices of one request with two places: most of the work is still ahead when the client leaves.
    auto client = std::make_unique<RawClient>(server.server->port());
    REQUIRE(client->send(raw_post(completion({{"max_tokens", 480}, {"n", 16}, {"stream", stream}}).dump())));
    wait_until([&] { return server.engine->load().requests_running > 0; });
    client.reset();
    wait_until([&] {
      const auto load = server.engine->load();
      return load.requests_running == 0 && load.requests_waiting == 0 && load.blocks_free == free;
    });
  }
}

TEST_CASE("bodies and headers have bounds, whole, in chunks or compressed") {
  const Server server({}, {.header_bytes_max = 4096, .body_bytes_max = 10'000});
  check_error(server.post("/v1/completions", std::string(20'000, ' ')), 413);
  check_error(server.client().Post("/v1/completions", [](std::size_t, httplib::DataSink& sink) {
    for (int i = 0; i < 5; ++i) sink.write(std::string(4000, ' ').data(), 4000);
    sink.done();
    return true;
  }, "application/json"), 413);
  auto compressing = server.client();
  compressing.set_compress(true);
  check_error(compressing.Post("/v1/completions", std::string(5'000'000, ' '), "application/json"), 413);

  const RawClient endless(server.server->port());
  endless.send("GET /health HTTP/1.1\r\nX: " + std::string(10'000, 'x'));
  CHECK(endless.read_all().find(" 431 ") != std::string::npos);
  const RawClient many(server.server->port());
  std::string lines = "GET /health HTTP/1.1\r\n";
  for (int i = 0; i < 1000; ++i) lines += "A" + std::to_string(i) + ": b\r\n";
  many.send(lines);
  CHECK(many.read_all().find(" 431 ") != std::string::npos);
  const RawClient lying(server.server->port());
  lying.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n{}");
  CHECK(lying.read_all().find(" 413 ") != std::string::npos);
  CHECK(server.client().Get("/health")->status == 200);
}

TEST_CASE("a client that sends slowly is cut off in time") {
  const Server server({}, {.request_timeout = milliseconds(300)});
  const RawClient slow(server.server->port());
  const auto begin = std::chrono::steady_clock::now();
  slow.send("POST /v1/completions HTTP/1.1\r\nContent-Length: 100\r\n\r\n{");
  slow.read_all();
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(5000));
  const RawClient silent(server.server->port());
  silent.read_all();
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(10'000));
}

TEST_CASE("connections beyond the bound are refused at once, and room returns") {
  const Server server({}, {.connections_max = 3, .request_timeout = milliseconds(1500)});
  std::vector<std::unique_ptr<RawClient>> held;
  for (int i = 0; i < 3; ++i) held.push_back(std::make_unique<RawClient>(server.server->port()));
  std::string refusal;
  for (int i = 0; i < 50 && refusal.empty(); ++i) {
    const RawClient beyond(server.server->port());
    beyond.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    refusal = beyond.read_all();
  }
  CHECK(refusal.find(" 503 ") != std::string::npos);
  held.clear();
  wait_until([&] {
    const auto answer = server.client().Get("/health");
    return answer && answer->status == 200;
  });
}

TEST_CASE("a stopping server lets a running answer end and refuses new ones") {
  Server server({.requests_running_max = 2});  // much is still ahead when it is told to stop
  std::string streamed;
  std::thread client([&] {
    const auto answer = server.post("/v1/completions", completion({{"max_tokens", 400}, {"n", 16}, {"stream", true}}).dump());
    if (answer) streamed = answer->body;
  });
  wait_until([&] { return server.engine->load().requests_running > 0; });
  server.server->shut_down(milliseconds(20'000));
  client.join();
  CHECK(events_of(streamed).back()["choices"][0]["finish_reason"] == "length");
  const auto after = server.client().Get("/health");
  CHECK((!after || after->status == 503));
}

TEST_CASE("a stopping server cancels what takes too long") {
  Server server({.requests_running_max = 1});
  std::vector<int> statuses(3);
  std::vector<std::thread> clients;
  for (auto& status : statuses)
    clients.emplace_back([&] {
      const auto answer = server.post("/v1/completions", completion({{"max_tokens", 480}, {"n", 16}}).dump());
      status = answer ? answer->status : -1;
    });
  wait_until([&] { return server.engine->load().requests_waiting >= 32; });
  const auto begin = std::chrono::steady_clock::now();
  server.server->shut_down(milliseconds(0));
  for (auto& client : clients) client.join();
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(3000));
  CHECK(std::ranges::count(statuses, 503) >= 2);
}
