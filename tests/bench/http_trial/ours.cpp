// The product's own server. Besides the answer of the trial: GET /bytes/N sends N bytes, PUT takes in a body of any length.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "actors/gateway/http_server.hpp"
#include "tests/bench/http_trial/answer.hpp"

using namespace luthier::gateway;

namespace {

void send_bytes(Exchange& exchange, std::int64_t left) {
  static const std::string piece(4 << 20, 'x');
  if (!exchange.begin(200, {{"Content-Type", "application/octet-stream"}}, left)) return;
  for (; left > 0; left -= static_cast<std::int64_t>(piece.size()))
    if (!exchange.write(std::string_view(piece).substr(0, static_cast<std::size_t>(std::min<std::int64_t>(left, piece.size()))))) return;
  exchange.end();
}

void take_bytes(Exchange& exchange) {
  exchange.body().set_bounds({std::int64_t{1} << 40, std::chrono::seconds(30), 16 << 10});
  std::vector<char> piece(1 << 20);
  std::int64_t total = 0;
  while (true) {
    const auto got = exchange.body().read(piece.data(), piece.size());
    if (!got) return exchange.answer(400, "text/plain", got.error().message);
    if (*got == 0) return exchange.answer(200, "text/plain", std::to_string(total) + "\n");
    total += static_cast<std::int64_t>(*got);
  }
}

}  // namespace

int main(int count, char** arguments) {
  GatewayOptions options;
  options.connections_max = options.connections_per_address_max = 4096;
  if (count == 3) {
    options.tls_certificate_file = arguments[1];
    options.tls_key_file = arguments[2];
  }
  const auto server = HttpServer::start(options, [](Exchange& exchange) {
    if (exchange.request.method == "PUT") return take_bytes(exchange);
    if (exchange.request.path.rfind("/bytes/", 0) == 0) return send_bytes(exchange, std::atoll(exchange.request.path.c_str() + 7));
    exchange.answer(200, "application/json", trial_answer());
  });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("%d\n", (*server)->port());
  std::fflush(stdout);
  ::pause();
}
