#include "actors/gateway/proxy.hpp"

#include <charconv>
#include <limits>

namespace luthier::gateway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

struct Endpoint {
  std::string host;
  int port = 0;
};

std::optional<Endpoint> parse_endpoint(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (url.substr(0, scheme.size()) != scheme) return std::nullopt;
  url.remove_prefix(scheme.size());
  url = url.substr(0, url.find('/'));
  const auto colon = url.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Endpoint endpoint{std::string(url.substr(0, colon)), 0};
  const auto digits = url.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (error != std::errc() || end != digits.data() + digits.size() || endpoint.port < 1 || endpoint.port > 65535) return std::nullopt;
  return endpoint;
}

void answer_unavailable(Exchange& exchange, int status, const std::string& message) {
  exchange.answer(status, "application/json", error_body(status, message, "model", "model_unavailable"), {{"Retry-After", "2"}});
}

std::string request_text(const Exchange& exchange, const Endpoint& endpoint, const std::string& body) {
  std::string text = exchange.request.method + " " + exchange.request.target + " HTTP/1.1\r\n";
  text += "Host: " + endpoint.host + ":" + std::to_string(endpoint.port) + "\r\n";
  text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n";
  if (const auto* accept = exchange.request.headers.find("Accept")) text += "Accept: " + *accept + "\r\n";
  return text + "\r\n" + body;
}

// What the client may see of the serving process's headers; those of one connection do not belong to the next.
Exchange::Extra passed_headers(const ResponseHead& head) {
  Exchange::Extra passed;
  for (const char* name : {"Content-Type", "Cache-Control", "Retry-After", "X-Request-Id", "X-Should-Retry"})
    if (const auto* value = head.headers.find(name)) passed.emplace_back(name, *value);
  return passed;
}

void answer_broken(Exchange& exchange, const Error& error) {
  if (error.code == ErrorCode::cancelled) return exchange.abort();
  answer_unavailable(exchange, 502, "the process that serves this model gave no answer: try again");
}

void relay(Exchange& exchange, HttpSocket& upstream) {
  const auto& options = exchange.options();
  const auto text = upstream.read_head(options.header_bytes_max, Clock::now() + options.upstream_silence);
  if (!text) return answer_broken(exchange, text.error());
  const auto head = parse_response_head(*text);
  if (!head) return answer_broken(exchange, head.error());
  const auto length = body_length(head->headers, false);
  if (!length) return answer_broken(exchange, length.error());

  HttpBody body(upstream, *length, {std::numeric_limits<std::int64_t>::max(), options.upstream_silence, 0});
  if (!exchange.begin(head->status, passed_headers(*head), length->bytes.value_or(-1))) return;
  char piece[16384];
  while (!body.is_complete()) {
    const auto got = body.read(piece, sizeof piece);
    if (!got) return exchange.abort();
    if (*got > 0 && !exchange.write({piece, *got})) return;
  }
  exchange.end();
}

}  // namespace

void pass_on(Exchange& exchange, const std::string& endpoint_url, const std::string& body) {
  const auto endpoint = parse_endpoint(endpoint_url);
  if (!endpoint) return answer_unavailable(exchange, 503, "the process that serves this model has no address yet: try again");
  auto upstream = HttpSocket::connect(endpoint->host, endpoint->port, exchange.options().upstream_connect);
  if (!upstream) return answer_unavailable(exchange, 503, "the process that serves this model does not answer: try again");
  if (!upstream->write(request_text(exchange, *endpoint, body), exchange.options().write_timeout))
    return answer_unavailable(exchange, 502, "the process that serves this model broke the connection: try again");
  upstream->watch(exchange.client_descriptor(), [&exchange] { return exchange.client_has_gone(); });
  relay(exchange, *upstream);
}

}  // namespace luthier::gateway
