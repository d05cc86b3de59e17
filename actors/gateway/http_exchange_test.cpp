// Requests and answers, as a client and a handler meet them.
#include "actors/gateway/http_exchange.hpp"

#include <algorithm>

#include "actors/gateway/served_test.hpp"

using namespace luthier;
using namespace luthier::gateway;
using namespace std::chrono_literals;

TEST_CASE("a handler sees the request as it came, and who sent it") {
  RequestHead seen;
  const auto server = serve([&](Exchange& exchange) {
    seen = exchange.request;
    say_ok(exchange);
  });
  CHECK(has(ask_server(server->port(), "GET /a%2Fb/c?x=%20y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "\r\n\r\nok"));
  CHECK(seen.target == "/a%2Fb/c?x=%20y");
  CHECK(seen.raw_path == "/a%2Fb/c");
  CHECK(seen.path == "/a/b/c");
  CHECK(seen.query == "x=%20y");
  CHECK(seen.peer == "127.0.0.1");
}

TEST_CASE("statuses without a body have none, and a HEAD's answer says how long its body would be") {
  const auto server = serve([](Exchange& exchange) {
    const int status = std::stoi(exchange.request.path.substr(1));
    exchange.answer(status, status == 200 ? "text/plain" : "", status == 200 ? "1234567" : "");
  });
  CHECK(ask_server(server->port(), "GET /204 HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(ask_server(server->port(), "GET /304 HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n") == "HTTP/1.1 304 Not Modified\r\n\r\n");
  CHECK(ask_server(server->port(), "GET /418 HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n") == "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n");
  CHECK(ask_server(server->port(), "HEAD /200 HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n");
}

TEST_CASE("a large answer arrives whole, in pieces or at once") {
  const std::string large(24 << 20, '#');
  const auto server = serve([&](Exchange& exchange) {
    if (exchange.request.path == "/once") return exchange.answer(200, "text/plain", large);
    if (!exchange.begin(200, {{"X-A", "b"}}, exchange.request.path == "/known" ? static_cast<std::int64_t>(large.size()) : -1)) return;
    for (std::size_t at = 0; at < large.size(); at += 1 << 20) exchange.write(std::string_view(large).substr(at, 1 << 20));
    exchange.end();
  });
  for (const std::string path : {"/once", "/known", "/chunked"}) {
    INFO(path);
    const auto answer = ask_server(server->port(), "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(std::count(answer.begin(), answer.end(), '#') == static_cast<std::ptrdiff_t>(large.size()));
    CHECK(has(answer, path == "/chunked" ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 25165824\r\n"));
  }
}

TEST_CASE("what a handler gets wrong is not sent as if it were right") {
  const auto server = serve([](Exchange& exchange) {
    const auto& path = exchange.request.path;
    if (path == "/injected") return exchange.answer(200, "text/plain", "x", {{"X-File", "a\r\nSet-Cookie: b"}});
    if (path == "/injected-begin" && !exchange.begin(200, {{"X-File", "a\nb"}}, 1)) return;
    if (path == "/framed")
      return exchange.answer(200, "text/plain", "abc",
                             {{"content-length", "1"}, {"Transfer-Encoding", "chunked"}, {"Connection", "close"}, {"X-A", "b"}});
    if (path == "/silent") return;
    if (path == "/throws") throw std::runtime_error("broken");
    if (path == "/twice") {
      exchange.answer(200, "text/plain", "first");
      exchange.answer(200, "text/plain", "second");
    }
    if (path == "/short" || path == "/long" || path == "/endless") {
      exchange.begin(200, {}, path == "/endless" ? -1 : 4);
      exchange.write(path == "/short" ? "abc" : "abcd");
      if (path == "/long") exchange.write("e");
      if (path != "/endless") exchange.end();
    }
  });
  const auto of = [&](const std::string& path) { return ask_server(server->port(), "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n"); };
  for (const std::string path : {"/injected", "/injected-begin"}) {
    CHECK(has(of(path), "HTTP/1.1 500 "));
    CHECK_FALSE(has(of(path), "Set-Cookie"));
  }
  const auto framed = of("/framed");
  CHECK(has(framed, "Content-Length: 3\r\n"));
  CHECK(has(framed, "X-A: b\r\n"));
  CHECK_FALSE(has(framed, "chunked"));
  CHECK_FALSE(has(framed, "close"));
  CHECK(has(of("/silent"), "HTTP/1.1 500 "));
  CHECK(has(of("/throws"), "HTTP/1.1 500 "));
  for (const std::string path : {"/twice", "/short", "/long", "/endless"}) {  // the connection's end tells the client
    auto client = connect_to(server->port());
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.wait_for_end(3000));
    CHECK_FALSE(has(client.received(), "second"));
    CHECK_FALSE(has(client.received(), "abcde"));
  }
}

TEST_CASE("a client of HTTP/1.0 may keep its connection, and is told so") {
  const auto server = serve(say_ok);
  auto client = connect_to(server->port());
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  REQUIRE(client.wait_for("Connection: keep-alive\r\n\r\nok"));
  client.take();
  client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(client.wait_for_end());
  CHECK(has(client.received(), "Connection: close\r\n\r\nok"));
}

TEST_CASE("a short body that nobody reads does not cost the connection, a long one does") {
  const auto server = serve(say_ok);
  auto client = connect_to(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + std::string(get_request));
  CHECK(client.wait_for("okHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"));
  client.take();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + std::string(get_request));
  CHECK(client.wait_for("okHTTP/1.1 200 OK\r\n"));
  CHECK(client.wait_for("\r\n\r\nok"));
  client.take();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx");
  CHECK(client.wait_for("Connection: close\r\n"));
  CHECK(client.wait_for_end());
}

TEST_CASE("requests that two programs could read differently are refused on the wire") {
  const auto server = serve(say_ok);
  for (const std::string lines : {"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
                                  "GET / HTTP/1.1\r\nHost: a\r\nHost: b", "GET http://a/ HTTP/1.1", "GET * HTTP/1.1", "G@T / HTTP/1.1",
                                  "GET / HTTP/1.1\r\nHost: x\r\nA b: c", "GET / HTTP/1.1\r\nHost: x\r\nA : c", "GET / HTTP/3.0", "GET /%00 HTTP/1.1",
                                   "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc", "GET / HTTP/1.1\r\nHost: x\r\nA: b\nc: d", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1"}) {
    INFO(lines);
    const std::string host = lines.find("Host") == lines.npos ? "\r\nHost: x" : "";
    CHECK(ask_server(server->port(), lines + host + "\r\n\r\n").find("HTTP/1.1 400 ") == 0);
  }
  CHECK(ask_server(server->port(), "GET / HTTP/1.1\r\n\r\n").find("HTTP/1.1 400 ") == 0);
  CHECK(ask_server(server->port(), "GET / HTTP/1.0\r\n\r\n").find("HTTP/1.1 200 ") == 0);
  CHECK(ask_server(server->port(), std::string("GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 33)).find("HTTP/1.1 400 ") == 0);
}
