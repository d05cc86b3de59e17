// Connections: how many there may be, what waiting ones cost, and how they end.
#include "actors/gateway/http_server.hpp"

#include <condition_variable>

#include "actors/gateway/served_test.hpp"

using namespace luthier;
using namespace luthier::gateway;
using namespace std::chrono_literals;

namespace {

class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

}  // namespace

TEST_CASE("a reader that takes nothing, or hardly anything, is ended") {
  GatewayOptions options;
  options.write_timeout = 300ms;
  options.answer_bytes_per_second = 1 << 30;
  const std::string large(64 << 20, 'x');
  std::atomic<int> ended = 0;
  std::atomic<bool> was_whole = false;
  const auto server = serve([&](Exchange& exchange) {
    exchange.begin(200, {}, static_cast<std::int64_t>(large.size()));
    was_whole = exchange.write(large);
    exchange.end();
    ++ended;
  }, options);
  auto still = connect_to(server->port());
  still.send(get_request);
  auto drops = connect_to(server->port());
  drops.send(get_request);
  std::atomic<bool> stop = false;
  std::thread sipping([&] {
    while (!stop) {
      drops.wait_for("y", 1);
      drops.take();
      std::this_thread::sleep_for(50ms);
    }
  });
  CHECK(eventually([&] { return ended == 2; }, 10s));
  CHECK_FALSE(was_whole);
  stop = true;
  sipping.join();
}

TEST_CASE("a thousand connections wait, some for a request and some within an answer, and cost little") {
  Gate gate;
  const auto server = serve([&](Exchange& exchange) {
    if (exchange.request.path != "/stream") return say_ok(exchange);
    exchange.begin(200, {{"Content-Type", "text/event-stream"}}, -1);
    exchange.write("data: 1\n\n");
    gate.wait();
    exchange.write("data: 2\n\n");
    exchange.end();
  });
  const auto before = memory_kib();
  std::vector<Peer> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(connect_to(server->port()));
    clients.back().send(i % 5 == 0 ? "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" : get_request);
  }
  int streams = 0, answers = 0;
  for (auto& client : clients) {
    if (!client.wait_for("\r\n\r\n")) continue;
    (has(client.received(), "event-stream") ? streams : answers) += 1;
  }
  CHECK(streams == 200);
  CHECK(answers == 800);
  const auto cost = memory_kib() - before;
  INFO(cost << " KiB");
  CHECK((is_instrumented || cost < 64 << 10));
  for (int i = 1; i < 1000; i += 100) {
    clients[i].take();
    clients[i].send(get_request);
    CHECK(clients[i].wait_for("ok"));
  }
  gate.open();
  int ended = 0;
  for (int i = 0; i < 1000; i += 5) ended += clients[i].wait_for("data: 2\n\n\r\n0\r\n\r\n");
  CHECK(ended == 200);
}

TEST_CASE("one address has its share of the connections and no more") {
  GatewayOptions options;
  options.connections_per_address_max = 2;
  const auto server = serve(say_ok, options);
  auto one = connect_to(server->port()), two = connect_to(server->port());
  one.send(get_request);
  REQUIRE(one.wait_for("ok"));
  auto three = connect_to(server->port());
  three.send(get_request);
  CHECK(three.wait_for_end());
  CHECK(has(three.received(), "HTTP/1.1 503 "));
  CHECK(has(three.received(), "127.0.0.1 has 2 connections open"));
  CHECK(has(three.received(), "Retry-After: 1\r\n"));
  two.close();
  CHECK(eventually([&] { return has(ask_server(server->port(), get_request, "ok"), "200 OK"); }));
}

TEST_CASE("when all connections are in use, the one that has been idle longest makes room") {
  GatewayOptions options;
  options.connections_max = 3;
  const auto server = serve(say_ok, options);
  std::vector<Peer> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect_to(server->port()));
    clients.back().send(get_request);
    REQUIRE(clients.back().wait_for("ok"));
    std::this_thread::sleep_for(20ms);
  }
  auto fourth = connect_to(server->port());
  fourth.send(get_request);
  CHECK(fourth.wait_for("200 OK"));
  CHECK(clients[0].wait_for_end(1000));
  clients[2].take();
  clients[2].send(get_request);
  CHECK(clients[2].wait_for("ok"));
}

TEST_CASE("a server that stops lets what runs come to its end, and takes nothing new") {
  Gate gate;
  std::atomic<int> running = 0;
  const auto server = serve([&](Exchange& exchange) {
    ++running;
    gate.wait();
    say_ok(exchange);
  });
  const int port = server->port();
  auto works = connect_to(port), waits = connect_to(port);
  works.send(get_request);
  REQUIRE(eventually([&] { return running == 1; }));
  std::thread stopping([&] { server->stop(); });
  CHECK(waits.wait_for_end(2000));  // those that ask for nothing are closed at once
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  CHECK(eventually([&] { return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0; }, 1s));
  ::close(descriptor);
  gate.open();
  CHECK(works.wait_for_end(3000));
  CHECK(has(works.received(), "Connection: close\r\n\r\nok"));
  const auto begin = std::chrono::steady_clock::now();
  stopping.join();
  CHECK(std::chrono::steady_clock::now() - begin < 4s);  // not all of `drain`
}

TEST_CASE("what has not ended when its time is over is broken off") {
  GatewayOptions options;
  options.drain = 300ms;
  std::atomic<bool> running = false, heard = false, was_told = false;
  const auto server = serve([&](Exchange& exchange) {
    exchange.begin(200, {}, -1);
    running = true;
    while (!exchange.client_has_gone()) {
      was_told = exchange.is_draining();
      std::this_thread::sleep_for(5ms);
    }
    heard = true;
  }, options);
  auto client = connect_to(server->port()), partial = connect_to(server->port());
  client.send(get_request);
  partial.send("GET / HT");
  REQUIRE(eventually([&] { return running.load(); }));
  const auto begin = std::chrono::steady_clock::now();
  server->stop();
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took >= 300ms);
  CHECK(took < 4s);
  CHECK(heard);
  CHECK(was_told);
}

TEST_CASE("IPv6 addresses are listened on, and one socket takes both kinds") {
  GatewayOptions options;
  options.host = "::";
  std::string peer;
  auto started = HttpServer::start(options, [&](Exchange& exchange) {
    peer = exchange.request.peer;
    say_ok(exchange);
  });
  if (!started) return;  // a machine without IPv6
  CHECK(has(ask_server((*started)->port(), get_request, "ok"), "200 OK"));
  CHECK(peer == "127.0.0.1");
  const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(static_cast<std::uint16_t>((*started)->port()));
  Peer client(descriptor);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  client.send(get_request);
  CHECK(client.wait_for("200 OK"));
  CHECK(peer == "::1");
}
