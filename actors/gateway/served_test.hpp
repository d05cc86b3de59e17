// A server in the test, and what its tests say over and over.
#pragma once

#include <fstream>

#include "actors/gateway/http_server.hpp"
#include "actors/gateway/peers_test.hpp"

namespace luthier::gateway {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_instrumented = true;  // and memory says nothing
#else
constexpr bool is_instrumented = false;
#endif

constexpr const char* get_request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

inline std::unique_ptr<HttpServer> serve(HttpServer::Handler handler, const GatewayOptions& options = {}) {
  auto started = HttpServer::start(options, std::move(handler));
  INFO((started ? std::string() : started.error().message));
  REQUIRE(started);
  return std::move(*started);
}

inline void say_ok(Exchange& exchange) { exchange.answer(200, "text/plain", "ok"); }

inline int status_of(const Error& error) { return error.code == ErrorCode::limit ? 413 : error.code == ErrorCode::unavailable ? 408 : 400; }

inline void echo(Exchange& exchange) {
  const auto body = exchange.body().read_all();
  if (!body) return exchange.answer(status_of(body.error()), "text/plain", body.error().message);
  exchange.answer(200, "text/plain", *body);
}

inline std::string ask_server(int port, const std::string& request, const std::string& until = {}) {
  auto client = connect_to(port);
  client.send(request);
  if (until.empty()) client.wait_for_end(2000);
  else client.wait_for(until, 2000);
  return client.take();
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline long memory_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
  return 0;
}

}  // namespace luthier::gateway
