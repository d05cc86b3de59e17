// Bodies as they come: late, slow, in chunks, without an end.
#include "actors/gateway/http_body.hpp"

#include "actors/gateway/served_test.hpp"

using namespace luthier;
using namespace luthier::gateway;
using namespace std::chrono_literals;

TEST_CASE("a client that waits with its body hears when it is wanted, and not if it is not") {
  GatewayOptions options;
  options.body_bytes_max = 100;
  const auto server = serve([](Exchange& exchange) {
    if (exchange.request.path == "/no") return exchange.answer(401, "text/plain", "no");
    echo(exchange);
  }, options);
  const std::string rest = " HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: ";
  auto client = connect_to(server->port());
  client.send("PUT /" + rest + "5\r\n\r\n");
  REQUIRE(client.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  client.take();
  client.send("hello");
  CHECK(client.wait_for("\r\n\r\nhello"));
  client.take();
  client.send("PUT /" + rest + "5\r\n\r\nhello");  // it has not waited
  CHECK(client.wait_for("\r\n\r\nhello"));
  CHECK_FALSE(has(client.received(), "100 Continue"));
  CHECK(ask_server(server->port(), "PUT /no" + rest + "5\r\n\r\n").find("HTTP/1.1 401 ") == 0);
  CHECK(ask_server(server->port(), "PUT /" + rest + "101\r\n\r\n").find("HTTP/1.1 413 ") == 0);
  CHECK(ask_server(server->port(), "PUT / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n").find("HTTP/1.1 417 ") == 0);
}

TEST_CASE("chunks arrive whole however they are cut") {
  const auto server = serve(echo);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "5\r\nhello\r\n1a;x=y;z=\"q\"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\n";
  using Pair = std::pair<std::string, std::string>;
  for (const auto& [coded, meant] : {Pair{body, "helloabcdefghijklmnopqrstuvwxyz"}, Pair{"0\r\n\r\n", ""},
                                     Pair{"1\r\nx\r\n00\r\nA: b\r\nC: d\r\n\r\n", "x"}}) {
    auto client = connect_to(server->port());
    client.send(head);
    for (const char c : coded) {
      client.send(std::string(1, c));
      std::this_thread::sleep_for(200us);  // each byte a packet, so that each end of a read is tried
    }
    client.send(get_request);  // and the connection goes on behind it
    CHECK(client.wait_for("\r\n\r\n" + meant + "HTTP/1.1 200 OK"));
  }
  auto client = connect_to(server->port());
  std::string many = head;
  for (int i = 0; i < 100000; ++i) many += "1\r\nx\r\n";
  many += "100000\r\n" + std::string(1 << 20, 'y') + "\r\n0\r\n\r\n";
  std::thread sending([&] { client.send(many); });
  CHECK(client.wait_for("Content-Length: 1148576\r\n", 10000));
  sending.join();
}

TEST_CASE("a sender that is slow is ended, one that is only long is not, and our own work costs it nothing") {
  GatewayOptions options;
  options.body_timeout = 400ms;
  options.body_bytes_per_second = 2000;
  const auto server = serve([](Exchange& exchange) {
    if (exchange.request.path == "/busy") std::this_thread::sleep_for(500ms);
    echo(exchange);
  }, options);
  const auto drip = [&](const std::string& head, const std::string& piece, std::chrono::milliseconds pause) {
    auto client = connect_to(server->port());
    client.send(head);
    std::atomic<bool> stop = false;
    std::thread dripping([&] {
      for (int i = 0; i < 1000 && !stop && client.send(piece); ++i) std::this_thread::sleep_for(pause);
    });
    const bool refused = client.wait_for("HTTP/1.1 408", 10000);
    stop = true;
    dripping.join();
    return refused;
  };
  CHECK(drip("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "x", 10ms));
  CHECK(drip("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 10ms));
  CHECK(drip("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", 10ms));
  CHECK(drip("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n", 10ms));

  auto steady = connect_to(server->port());
  steady.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
  for (int i = 0; i < 20; ++i) {  // for longer than `body_timeout`
    steady.send(std::string(1000, 'x'));
    std::this_thread::sleep_for(30ms);
  }
  CHECK(steady.wait_for("HTTP/1.1 200"));
  auto late = connect_to(server->port());
  late.send("POST /busy HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
  std::this_thread::sleep_for(600ms);
  late.send("lo");
  CHECK(late.wait_for("\r\n\r\nhello"));
}

TEST_CASE("a chunk's line and its trailers are bounded") {
  const auto server = serve(echo);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(ask_server(server->port(), head + "1;" + std::string(20000, 'x')).find("HTTP/1.1 400") == 0);
  std::string trailers = "0\r\n";
  while (trailers.size() < 20000) trailers += "A: b\r\n";
  CHECK(ask_server(server->port(), head + trailers).find("HTTP/1.1 400") == 0);
  CHECK(ask_server(server->port(), head + std::string(20000, '0')).find("HTTP/1.1 400") == 0);
  CHECK(ask_server(server->port(), "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").find("HTTP/1.1 400") == 0);
}

TEST_CASE("an upload of any length goes through without being held") {
  GatewayOptions options;
  options.body_bytes_max = 1;
  std::atomic<std::int64_t> received = 0;
  const auto server = serve([&](Exchange& exchange) {
    exchange.body().set_bounds({std::int64_t{1} << 40, 30s, 16 << 10});
    std::vector<char> piece(1 << 20);
    while (true) {
      const auto got = exchange.body().read(piece.data(), piece.size());
      if (!got || *got == 0) break;
      received += static_cast<std::int64_t>(*got);
    }
    say_ok(exchange);
  }, options);
  const auto before = memory_kib();
  const std::string mebibyte(1 << 20, 'x');
  for (const std::string head : {"Content-Length: 268435456\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"}) {
    received = 0;
    auto client = connect_to(server->port());
    client.send("PUT / HTTP/1.1\r\nHost: x\r\n" + head);
    const bool is_chunked = head[0] == 'T';
    for (int i = 0; i < 256; ++i) {
      if (is_chunked) client.send("100000\r\n");
      client.send(mebibyte);
      if (is_chunked) client.send("\r\n");
    }
    if (is_chunked) client.send("0\r\n\r\n");
    REQUIRE(client.wait_for("HTTP/1.1 200"));
    CHECK(received == 256 << 20);
  }
  CHECK((is_instrumented || memory_kib() - before < 32 << 10));
}
