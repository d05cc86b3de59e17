// Servers that mean harm, or are broken: every answer must end in an error that says so, soon, and in bounded memory.
#include <catch2/catch.hpp>
#include <cstdio>
#include <random>

#include "actors/hub/content_range.hpp"
#include "actors/hub/get.hpp"
#include "actors/hub/servers_test.hpp"
#include "actors/hub/url.hpp"
#include "events/base/temporary_directory.hpp"

using namespace luthier;
using namespace luthier::hub;

namespace {

const std::string commit(40, 'a');

Result<std::string> fetch_from(const RawServer& server, const TemporaryDirectory& directory, std::int64_t size, Transfer transfer) {
  return fetch(HuggingFace{server.endpoint(), "owner/name", "model", "main", {}}, Listing{commit, {}}, {"f", size, {}, {}, {}},
               directory / "f", transfer);
}

Error error_of(const RawServer& server, std::int64_t size = 100, Transfer transfer = quick()) {
  const TemporaryDirectory directory;
  const auto digest = fetch_from(server, directory, size, transfer);
  REQUIRE_FALSE(digest);
  return digest.error();
}

// Sends `bytes` again and again, as long as somebody takes them.
void send_for_ever(const RawServer& server, Peer& peer, const std::string& bytes) {
  while (!server.is_over() && peer.send(bytes)) {}
}

std::string ok(const std::string& headers) { return "HTTP/1.1 200 OK\r\n" + headers + "\r\n"; }

}  // namespace

TEST_CASE("an answer whose head has no end is given up") {
  auto once = quick();
  once.attempts = 1;
  const std::string kind = GENERATE("status line", "second status line", "header line", "headers", "informational answers");
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    if (kind == "status line") return send_for_ever(*self, peer, std::string(4096, 'H'));
    if (kind == "second status line") peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ");
    if (kind == "second status line") return send_for_ever(*self, peer, std::string(4096, 'x'));
    if (kind == "informational answers") return send_for_ever(*self, peer, "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\n");
    send_for_ever(*self, peer, kind == "headers" ? "X-Header: " + std::string(1000, 'x') + "\r\n" : std::string(4096, 'x'));
  });
  self = &server;
  const auto error = error_of(server, 100, once);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK(contains(error.message, "127.0.0.1"));
}

TEST_CASE("a body that has no end is given up once it is longer than the file") {
  const std::string kind = GENERATE("until it closes", "chunked", "of a length that overflows", "in tiny chunks");
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    if (kind == "until it closes") {
      peer.send(ok(""));
      send_for_ever(*self, peer, pattern(65536));
    } else if (kind == "of a length that overflows") {
      peer.send(ok("Content-Length: 99999999999999999999999\r\n"));
      send_for_ever(*self, peer, pattern(65536));
    } else {
      peer.send(ok("Transfer-Encoding: chunked\r\n"));
      send_for_ever(*self, peer, kind == "chunked" ? "1000\r\n" + pattern(4096) + "\r\n" : "1\r\nx\r\n");
    }
  });
  self = &server;
  const auto error = error_of(server, 300'000);
  CHECK(error.code == ErrorCode::corrupt);
  CHECK(contains(error.message, "more than the 300000 bytes"));
}

TEST_CASE("a chunk's line that has no end is given up") {
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    peer.send(ok("Transfer-Encoding: chunked\r\n"));
    send_for_ever(*self, peer, std::string(4096, '0'));
  });
  self = &server;
  auto once = quick();
  once.attempts = 1;
  CHECK(error_of(server, 100, once).code == ErrorCode::unavailable);
}

TEST_CASE("a refusal that has no end is still a refusal") {
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 404 Not Found\r\n\r\n");
    send_for_ever(*self, peer, pattern(65536));
  });
  self = &server;
  CHECK(error_of(server).code == ErrorCode::not_found);
}

TEST_CASE("a server that trickles is given up, in the head and in the body") {
  auto impatient = quick();
  impatient.attempts = 1;
  impatient.read_timeout = std::chrono::milliseconds(300);
  const bool in_body = GENERATE(false, true);
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    if (in_body) peer.send(ok("Content-Length: 1000000\r\n"));
    for (const char byte : "HTTP/1.1 200 OK\r\n" + std::string(10'000, 'x'))
      if (self->is_over() || !peer.send({byte})) return;
      else std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  self = &server;
  const auto begin = std::chrono::steady_clock::now();
  const auto error = error_of(server, 1'000'000, impatient);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK(contains(error.message, "too slow"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}

TEST_CASE("a listing that comes slowly but steadily has an end, too") {
  auto impatient = quick();
  impatient.attempts = 1;
  impatient.answer_timeout = std::chrono::milliseconds(400);
  RawServer* self = nullptr;
  RawServer server([&](Peer& peer, const std::string&) {
    peer.send(ok(""));
    while (!self->is_over() && peer.send(std::string(5000, ' '))) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  self = &server;
  const auto listing = list(HuggingFace{server.endpoint(), "owner/name", "model", "main", {}}, impatient);
  REQUIRE_FALSE(listing);
  CHECK(listing.error().code == ErrorCode::unavailable);
}

TEST_CASE("an answer shorter than it says is tried again, and then unavailable") {
  RawServer server([&](Peer& peer, const std::string&) { peer.send(ok("Content-Length: 100\r\n") + "short"); });
  const auto error = error_of(server);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK(contains(error.message, "broke off"));
  CHECK(server.connections() == 4);
}

TEST_CASE("what is no HTTP, or nothing at all, is unavailable") {
  const std::string answer = GENERATE("", "\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
                                      "\x16\x03\x01\x02", "HTTP/1.1 200");
  RawServer server([&](Peer& peer, const std::string&) { peer.send(answer); });
  const auto error = error_of(server);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK(server.connections() == 4);
}

TEST_CASE("answers in a coding that was not asked for are refused") {
  RawServer server([&](Peer& peer, const std::string& head) {
    CHECK(contains(head, "Accept-Encoding: identity"));
    peer.send(ok("Content-Encoding: gzip\r\nContent-Length: 100\r\n") + std::string(100, 'x'));
  });
  CHECK(error_of(server).code == ErrorCode::corrupt);
}

TEST_CASE("ranges that were not asked for are refused, and parts of another file") {
  const std::string range = GENERATE("bytes 0-99/100", "bytes 51-99/100", "bytes 50-99/2000", "bytes */100", "garbage", "");
  std::atomic<int> number{0};
  RawServer server([&](Peer& peer, const std::string& head) {
    if (++number == 1) peer.send(ok("Content-Length: 100\r\nETag: \"e\"\r\n") + std::string(50, 'a'));
    else if (contains(head, "Range: bytes=50-"))
      peer.send("HTTP/1.1 206 Partial Content\r\nContent-Length: 50\r\nContent-Range: " + range + "\r\n\r\n" + std::string(50, 'b'));
    else peer.send(ok("Content-Length: 100\r\n") + std::string(100, 'c'));
  });
  const TemporaryDirectory directory;
  CHECK(fetch_from(server, directory, 100, quick()));
  CHECK(text_of(directory / "f") == std::string(100, 'c'));
}

TEST_CASE("a partial answer to a request for everything is refused") {
  RawServer server([&](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 206 Partial Content\r\nContent-Length: 100\r\nContent-Range: bytes 0-99/100\r\n\r\n" + std::string(100, 'x'));
  });
  CHECK(error_of(server).code == ErrorCode::invalid);
}

TEST_CASE("redirects in circles, to nowhere, and to other kinds of addresses end") {
  const std::string location =
      GENERATE("/again", "", "ftp://example.com/", "file:///etc/passwd", "http://", "http://user:secret@example.com/");
  RawServer server(
      [&](Peer& peer, const std::string&) { peer.send("HTTP/1.1 302 Found\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n"); });
  auto once = quick();
  once.attempts = 1;
  const auto error = error_of(server, 100, once);
  CHECK(error.code == ErrorCode::unavailable);
  CHECK(contains(error.message, location == "/again" ? "redirects in circles" : "redirects to nowhere"));
  CHECK_FALSE(contains(error.message, "secret"));
  CHECK(server.connections() == (location == "/again" ? 11 : 1));
}

TEST_CASE("random changes of an answer never do worse than fail") {
  const std::string good =
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: \"e\"\r\nTransfer-Encoding: identity\r\nX-Linked-Size: 100\r\n\r\n" + pattern(100);
  std::minstd_rand random(7);
  std::string bytes;
  RawServer server([&](Peer& peer, const std::string&) { peer.send(bytes); });
  auto once = quick();
  once.attempts = 1;
  once.read_timeout = std::chrono::milliseconds(200);
  const TemporaryDirectory directory;
  for (int i = 0; i < 300; ++i) {
    bytes = good;
    for (int change = 0; change < 3; ++change) {
      const auto at = random() % bytes.size();
      if (random() % 3 == 0) bytes.erase(at, random() % 20);
      else if (random() % 2 == 0) bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40));
      else bytes[at] = static_cast<char>(random());
      if (bytes.empty()) break;
    }
    const auto digest = fetch_from(server, directory, 100, once);
    CHECK((!digest || text_of(directory / "f").size() == 100));
  }
}
