#include "actors/gateway/gateway.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "actors/blobs/blob_client.hpp"
#include "actors/blobs/blob_store.hpp"
#include "actors/gateway/peers_test.hpp"
#include "events/base/sha256.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::gateway;
namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

struct Place {
  TemporaryDirectory held;
  const fs::path& path = held.path();
};

GatewayDoors doors_to(const std::string& endpoint) {
  GatewayDoors doors;
  doors.route = [endpoint](const std::string& model) -> Result<Target> {
    if (model == "default/smol" || model == "smol") return Target{endpoint, "default/smol", false};
    if (model == "default--kinds") return Target{endpoint, "default--kinds", true};
    if (model == "default/loading") return Error{ErrorCode::unavailable, "the model default/loading is not ready yet", {}};
    return Error{ErrorCode::not_found, "the model `" + model + "` does not exist or is not served", {}};
  };
  doors.list_models = [] {
    return std::vector<ServedModel>{{"default/smol", "default", "default/smol", ""}, {"default--kinds", "default", "default/smol", "default/smol"}};
  };
  return doors;
}

std::unique_ptr<Gateway> start(GatewayDoors doors, GatewayOptions options = {}) {
  auto started = Gateway::start(options, std::move(doors));
  REQUIRE(started);
  return std::move(*started);
}

struct Answer {
  int status = 0;
  std::string head, body;
  json parsed() const { return json::parse(body, nullptr, false); }
};

// One exchange on a connection of its own.
Answer ask(const Gateway& gateway, const std::string& request) {
  auto client = connect_to(gateway.port());
  client.send(request);
  REQUIRE(client.wait_for("\r\n\r\n"));
  client.wait_for_end(400);
  Answer answer;
  const auto text = client.take();
  const auto end = text.find("\r\n\r\n");
  answer.status = std::stoi(text.substr(9, 3));
  answer.head = text.substr(0, end);
  answer.body = text.substr(end + 4);
  return answer;
}

std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n";
}
std::string post(const std::string& body, const std::string& path = "/v1/chat/completions", const std::string& headers = "Connection: close\r\n") {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string smol_request = R"({"model":"smol","messages":[],"temperature":0.10})";

}  // namespace

TEST_CASE("a request goes to the process that serves its model, and the answer comes back as it was") {
  const Upstream upstream([](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 7\r\nServer: secret\r\nContent-Length: 11\r\n\r\n{\"id\": \"x\"}");
  });
  const auto gateway = start(doors_to(upstream.endpoint()));
  const auto answer = ask(*gateway, post(smol_request, "/v1/chat/completions?a=b", "Connection: close\r\nAuthorization: Bearer mine\r\nAccept: text/event-stream\r\n"));
  CHECK(answer.status == 200);
  CHECK(answer.body == "{\"id\": \"x\"}");
  CHECK(answer.head.find("X-Request-Id: 7") != std::string::npos);
  CHECK(answer.head.find("secret") == std::string::npos);
  const auto request = upstream.last_request();
  CHECK(request.find("POST /v1/chat/completions?a=b HTTP/1.1\r\n") == 0);
  CHECK(request.find("Accept: text/event-stream") != std::string::npos);
  CHECK(request.find("Authorization") == std::string::npos);
  CHECK(request.substr(request.find("\r\n\r\n") + 4) == R"({"model":"default/smol","messages":[],"temperature":0.10})");
}

TEST_CASE("an error of the serving process comes back as it was") {
  const Upstream upstream([](Peer& peer) {
    peer.send("HTTP/1.1 429 Slow\r\nContent-Type: application/json\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}");
  });
  const auto gateway = start(doors_to(upstream.endpoint()));
  const auto answer = ask(*gateway, post(smol_request));
  CHECK(answer.status == 429);
  CHECK(answer.head.find("Retry-After: 3") != std::string::npos);
}

TEST_CASE("a stream is relayed piece by piece as it comes") {
  std::atomic<bool> go_on = false;
  const Upstream upstream([&](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
    eventually([&] { return go_on.load(); });
    peer.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
  });
  const auto gateway = start(doors_to(upstream.endpoint()));
  auto client = connect_to(gateway->port());
  client.send(post(smol_request));
  REQUIRE(client.wait_for("9\r\ndata: 1\n\n\r\n"));
  CHECK(client.received().find("data: 2") == std::string::npos);
  CHECK(client.received().find("Content-Type: text/event-stream\r\n") != std::string::npos);
  go_on = true;
  REQUIRE(client.wait_for("9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
}

TEST_CASE("an answer without a length ends with its connection") {
  const Upstream upstream([](Peer& peer) { peer.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it"); });
  const auto gateway = start(doors_to(upstream.endpoint()));
  CHECK(ask(*gateway, post(smol_request)).body == "9\r\nall of it\r\n0\r\n\r\n");
  auto old_client = connect_to(gateway->port());
  old_client.send("POST /v1/completions HTTP/1.0\r\nContent-Length: " + std::to_string(smol_request.size()) + "\r\n\r\n" + smol_request);
  REQUIRE(old_client.wait_for_end());
  CHECK(old_client.received().find("\r\n\r\nall of it") != std::string::npos);
}

TEST_CASE("when the client goes, the serving process hears of it") {
  std::atomic<bool> heard = false;
  const Upstream upstream([&](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    heard = peer.wait_for_end(5000);
  });
  const auto gateway = start(doors_to(upstream.endpoint()));
  {
    auto client = connect_to(gateway->port());
    client.send(post(smol_request));
    REQUIRE(client.wait_for("x"));
  }
  CHECK(eventually([&] { return heard.load(); }, 3s));
}

TEST_CASE("when the client goes before the first token, the serving process hears of it") {
  std::atomic<bool> heard = false;
  const Upstream upstream([&](Peer& peer) { heard = peer.wait_for_end(5000); });
  const auto gateway = start(doors_to(upstream.endpoint()));
  {
    auto client = connect_to(gateway->port());
    client.send(post(smol_request));
    REQUIRE(eventually([&] { return !upstream.last_request().empty(); }));
  }
  CHECK(eventually([&] { return heard.load(); }, 3s));
}

TEST_CASE("a serving process that is down, silent or broken is told from a wrong request") {
  GatewayOptions options;
  options.upstream_silence = 300ms;
  SECTION("down") {
    const auto gateway = start(doors_to("http://127.0.0.1:1"), options);
    const auto answer = ask(*gateway, post(smol_request));
    CHECK(answer.status == 503);
    CHECK(answer.head.find("Retry-After: ") != std::string::npos);
    CHECK(answer.parsed()["error"]["type"] == "server_error");
  }
  SECTION("closes without a word") {
    const Upstream upstream([](Peer&) {});
    const auto gateway = start(doors_to(upstream.endpoint()), options);
    CHECK(ask(*gateway, post(smol_request)).status == 502);
  }
  SECTION("speaks no HTTP") {
    const Upstream upstream([](Peer& peer) { peer.send("+OK hello\r\n\r\n"); });
    const auto gateway = start(doors_to(upstream.endpoint()), options);
    CHECK(ask(*gateway, post(smol_request)).status == 502);
  }
  SECTION("says nothing") {
    const Upstream upstream([](Peer& peer) { peer.wait_for_end(2000); });
    const auto gateway = start(doors_to(upstream.endpoint()), options);
    CHECK(ask(*gateway, post(smol_request)).status == 502);
  }
  SECTION("breaks off in the middle") {
    const Upstream upstream([](Peer& peer) { peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"); });
    const auto gateway = start(doors_to(upstream.endpoint()), options);
    const auto answer = ask(*gateway, post(smol_request, "/v1/chat/completions", ""));
    CHECK(answer.status == 200);
    CHECK(answer.body == "1\r\nx\r\n");  // no last chunk, and the connection is closed: the client knows
  }
}

TEST_CASE("a model that is absent, disabled or loading, and a body without a model, are told apart") {
  const auto gateway = start(doors_to("http://127.0.0.1:1"));
  const auto absent = ask(*gateway, post(R"({"model":"default--gone"})"));
  CHECK(absent.status == 404);
  CHECK(absent.parsed()["error"]["code"] == "model_not_found");
  CHECK(absent.parsed()["error"]["param"] == "model");
  const auto loading = ask(*gateway, post(R"({"model":"default/loading"})", "/v1/embeddings"));
  CHECK(loading.status == 503);
  CHECK(loading.head.find("Retry-After: ") != std::string::npos);
  CHECK(ask(*gateway, post("{}")).status == 400);
  CHECK(ask(*gateway, post("not json")).status == 400);
  CHECK(ask(*gateway, post("")).status == 400);
  CHECK(ask(*gateway, post(R"({"model":"smol","model":"default--gone"})")).status == 400);
}

TEST_CASE("models are listed, and one is shown by any of its names") {
  const auto gateway = start(doors_to("http://127.0.0.1:1"));
  const auto list = ask(*gateway, get("/v1/models")).parsed();
  CHECK(list["object"] == "list");
  CHECK(list["data"].size() == 2);
  CHECK(list["data"][0]["parent"].is_null());
  CHECK(list["data"][1]["parent"] == "default/smol");
  for (const std::string name : {"default/smol", "default%2Fsmol", "smol"}) {
    const auto answer = ask(*gateway, get("/v1/models/" + name));
    CHECK(answer.status == 200);
    CHECK(answer.parsed()["id"] == "default/smol");
  }
  CHECK(ask(*gateway, get("/v1/models/default--kinds")).parsed()["root"] == "default/smol");
  CHECK(ask(*gateway, get("/v1/models/other")).status == 404);
}

TEST_CASE("health, and routes and methods that are not there") {
  std::atomic<bool> well = false;
  auto doors = doors_to("http://127.0.0.1:1");
  doors.health = [&]() -> Result<void> {
    if (well) return {};
    return Error{ErrorCode::unavailable, "NATS is away", {}};
  };
  const auto gateway = start(std::move(doors));
  CHECK(ask(*gateway, get("/livez")).status == 200);
  const auto unwell = ask(*gateway, get("/readyz"));
  CHECK(unwell.status == 503);
  CHECK(unwell.parsed()["message"] == "NATS is away");
  well = true;
  CHECK(ask(*gateway, get("/readyz")).status == 200);
  for (const char* path : {"/", "/v1", "/v1/x/../models", "/internal/v1/blobs/", "/internal/v1/blobs/00"}) {
    const auto answer = ask(*gateway, get(path));
    CHECK(answer.status == 404);
    CHECK(answer.parsed()["error"].contains("message"));
  }
  const auto wrong = ask(*gateway, get("/v1/chat/completions"));
  CHECK(wrong.status == 405);
  CHECK(wrong.head.find("Allow: POST") != std::string::npos);
  const auto head = ask(*gateway, "HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(head.status == 200);
  CHECK(head.body.empty());
}

TEST_CASE("a connection serves one request after the other, also when they come at once") {
  const auto gateway = start(doors_to("http://127.0.0.1:1"));
  auto client = connect_to(gateway->port());
  client.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(client.wait_for("{\"status\":\"ok\"}HTTP/1.1 200 OK"));
  client.send(post("{\"model\":\"absent\"}", "/v1/completions", ""));
  REQUIRE(client.wait_for("HTTP/1.1 404"));
  client.send("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(client.wait_for_end());
}

TEST_CASE("a body in chunks is read, and one that cheats is refused") {
  const auto gateway = start(doors_to("http://127.0.0.1:1"));
  const std::string head = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto good = ask(*gateway, head + "9\r\n{\"model\":\r\n8;x=y\r\n\"absent\"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n");
  CHECK(good.status == 404);
  CHECK(good.parsed()["error"]["message"].get<std::string>().find("absent") != std::string::npos);
  for (const std::string body : {"x\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "1\r\nab\r\n0\r\n\r\n", "1\nx\n", "0\r\nno end"}) {
    INFO(body);
    auto client = connect_to(gateway->port());
    client.send(head + body);
    const bool refused = client.wait_for("HTTP/1.1 400", 300);
    if (body != "0\r\nno end") CHECK(refused);
  }
  const auto smuggled = ask(*gateway, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(smuggled.status == 400);
  CHECK(smuggled.body.find("HTTP/1.1") == std::string::npos);
}

TEST_CASE("headers, bodies and their time are bounded") {
  GatewayOptions options;
  options.header_bytes_max = 2000;
  options.body_bytes_max = 1000;
  options.header_timeout = 200ms;
  options.body_timeout = 300ms;
  const auto gateway = start(doors_to("http://127.0.0.1:1"), options);
  CHECK(ask(*gateway, get("/livez", "X: " + std::string(3000, 'x') + "\r\n")).status == 431);
  CHECK(ask(*gateway, post(std::string(1001, ' '))).status == 413);
  CHECK(ask(*gateway, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n").status == 413);
  CHECK(ask(*gateway, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n").status == 413);
  CHECK(ask(*gateway, "nonsense\r\n\r\n").status == 400);

  auto slow_head = connect_to(gateway->port());
  slow_head.send("GET /livez HT");
  CHECK(slow_head.wait_for("HTTP/1.1 408", 2000));
  auto silent = connect_to(gateway->port());
  CHECK(silent.wait_for_end(3000));
  CHECK(silent.received().empty());
  auto slow_body = connect_to(gateway->port());
  slow_body.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  std::thread drip([&] {
    for (int i = 0; i < 100 && slow_body.send("x"); ++i) std::this_thread::sleep_for(20ms);
  });
  CHECK(slow_body.wait_for("HTTP/1.1 408", 2000));
  CHECK(std::chrono::steady_clock::now() - begin < 1500ms);
  drip.join();
}

TEST_CASE("more connections than there may be are refused, not left waiting") {
  GatewayOptions options;
  options.connections_max = 2;
  const auto gateway = start(doors_to("http://127.0.0.1:1"), options);
  auto one = connect_to(gateway->port()), two = connect_to(gateway->port());
  one.send("GET /livez HT");
  two.send("GET /livez HT");
  std::this_thread::sleep_for(50ms);
  auto three = connect_to(gateway->port());
  REQUIRE(three.wait_for("HTTP/1.1 503"));
  CHECK(three.wait_for("Retry-After: 1"));
  one.close();
  CHECK(eventually([&] {
    auto again = connect_to(gateway->port());
    again.send(get("/livez"));
    return again.wait_for("HTTP/1.1 200", 300);
  }));
}

TEST_CASE("stopping without a time to drain breaks off what runs, at once") {
  const Upstream upstream([](Peer& peer) { peer.wait_for_end(5000); });
  GatewayOptions options;
  options.drain = 0ms;
  const auto gateway = start(doors_to(upstream.endpoint()), options);
  auto client = connect_to(gateway->port());
  client.send(post(smol_request));
  auto idle = connect_to(gateway->port());
  REQUIRE(eventually([&] { return !upstream.last_request().empty(); }));
  const auto begin = std::chrono::steady_clock::now();
  gateway->stop();
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
}

TEST_CASE("a port that is taken is said, and what would help") {
  const auto gateway = start(doors_to("http://127.0.0.1:1"));
  GatewayOptions options;
  options.port = gateway->port();
  const auto refused = Gateway::start(options, doors_to(""));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find(std::to_string(gateway->port())) != std::string::npos);
  options.host = "not an address";
  CHECK(Gateway::start(options, doors_to("")).error().code == ErrorCode::invalid);
}

// ------------------------------------------------------------------------------------------------------------- blobs

namespace {

struct BlobPlace : Place {
  blobs::BlobStore here = *blobs::BlobStore::open(path / "control"), there = *blobs::BlobStore::open(path / "worker");
  std::unique_ptr<Gateway> gateway;
  std::string token;

  explicit BlobPlace(GatewayOptions options = {}) {
    auto doors = doors_to("http://127.0.0.1:1");
    doors.blobs = &here;
    options.token_file = path / "token";
    gateway = start(std::move(doors), options);
    std::ifstream(options.token_file) >> token;
  }
  blobs::BlobClient client(const std::string& with = {}) const {
    blobs::BlobClientOptions options;
    options.endpoint = gateway->url();
    options.token = with.empty() ? token : with;
    options.attempts = 2;
    options.backoff = 10ms;
    return blobs::BlobClient(options);
  }
  static Result<blobs::Blob> put(const blobs::BlobStore& store, const std::string& bytes) {
    std::size_t at = 0;
    return store.put(
        [&](char* buffer, std::size_t size) -> Result<std::size_t> {
          const auto count = std::min(size, bytes.size() - at);
          std::copy_n(bytes.data() + at, count, buffer);
          at += count;
          return count;
        },
        {}, 1 << 30);
  }
};

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 11);
  return bytes;
}

}  // namespace

TEST_CASE("a blob goes to a worker and back, whatever its size") {
  const BlobPlace place;
  const auto client = place.client();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{(4 << 20) + 1}, std::size_t{9 << 20}}) {
    const auto from_here = *BlobPlace::put(place.here, pattern(size));
    CHECK((*client.find(from_here.digest))->size == from_here.size);
    const auto fetched = client.fetch(from_here.digest, place.there);
    INFO((fetched ? std::string() : fetched.error().message));
    REQUIRE(fetched);
    CHECK(place.there.verify(from_here.digest));
    const auto from_there = *BlobPlace::put(place.there, "made by a worker " + pattern(size));
    REQUIRE(client.store(from_there.digest, place.there));
    CHECK(place.here.verify(from_there.digest));
    CHECK(client.store(from_there.digest, place.there));  // again: it is there already
  }
  CHECK_FALSE(*client.find(std::string(64, '0')));
  CHECK(client.fetch(std::string(64, '0'), place.there).error().code == ErrorCode::not_found);
  CHECK(client.store(std::string(64, '0'), place.there).error().code == ErrorCode::not_found);
  CHECK(client.fetch("../token", place.there).error().code == ErrorCode::invalid);
}

TEST_CASE("blobs need the token, which only its owner can read") {
  const BlobPlace place;
  const auto blob = *BlobPlace::put(place.here, "secret");
  CHECK(place.client("wrong").find(blob.digest).error().code == ErrorCode::invalid);
  CHECK(place.client(std::string(64, 'a')).fetch(blob.digest, place.there).error().code == ErrorCode::invalid);
  const auto path = "/internal/v1/blobs/" + blob.digest;
  CHECK(ask(*place.gateway, get(path)).status == 401);
  CHECK(ask(*place.gateway, get(path, "Authorization: Bearer " + place.token + "\r\n")).body == "secret");
  struct stat info{};
  REQUIRE(stat((place.path / "token").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("bytes of another digest are refused and not kept") {
  const BlobPlace place;
  const auto digest = sha256_hex("these");
  const auto answer = ask(*place.gateway, "PUT /internal/v1/blobs/" + digest + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + place.token +
                                              "\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthose");
  CHECK(answer.status == 400);
  CHECK_FALSE(*place.here.find(digest));
  CHECK(ask(*place.gateway, "PUT /internal/v1/blobs/../../x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + place.token +
                                "\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx").status == 400);
}

TEST_CASE("a blob that is too large or cut off is refused and not kept") {
  GatewayOptions options;
  options.blob_bytes_max = 1000;
  options.body_timeout = 300ms;
  const BlobPlace place(options);
  const auto large = *BlobPlace::put(place.there, std::string(1001, 'x'));
  CHECK(place.client().store(large.digest, place.there).error().code == ErrorCode::limit);
  const auto digest = sha256_hex("whole");
  {
    auto client = connect_to(place.gateway->port());
    client.send("PUT /internal/v1/blobs/" + digest + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + place.token + "\r\nContent-Length: 5\r\n\r\nwhol");
    std::this_thread::sleep_for(50ms);
  }
  std::this_thread::sleep_for(100ms);
  CHECK_FALSE(*place.here.find(digest));
}

TEST_CASE("a damaged blob is not sent as if it were good") {
  const BlobPlace place;
  const auto bytes = pattern(9 << 20);
  const auto blob = *BlobPlace::put(place.here, bytes);
  const auto file = place.here.path_of(blob.digest);
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(5 << 20);
  out << "damage";
  out.close();
  CHECK_FALSE(place.client().fetch(blob.digest, place.there));
  CHECK_FALSE(*place.there.find(blob.digest));
}

TEST_CASE("without a control plane the client says so") {
  const Place place;
  const auto store = *blobs::BlobStore::open(place.path);
  blobs::BlobClientOptions options;
  options.endpoint = "http://127.0.0.1:1";
  options.attempts = 2;
  options.backoff = 1ms;
  CHECK(blobs::BlobClient(options).fetch(std::string(64, '0'), store).error().code == ErrorCode::unavailable);
}
