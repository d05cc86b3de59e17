#include "actors/gateway/upstream.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "actors/gateway/http_server.hpp"

namespace luthier::gateway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int port_of_http = 80, port_of_https = 443;

// The authorities that the system trusts, read once.
Result<std::shared_ptr<TlsContext>> system_trust() {
  static const auto context = TlsContext::trust();
  return context;
}

std::optional<int> parse_port(std::string_view digits) {
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port < 1 || port > 65535) return std::nullopt;
  return port;
}

bool is_of_connection(std::string_view name) {
  for (const char* one : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length"})
    if (equals_ignoring_case(name, one)) return true;
  return false;
}

bool has_body(const std::string& method, const std::string& body) { return !body.empty() || method == "POST" || method == "PUT" || method == "PATCH"; }

Error with_host(Error error, const UpstreamAddress& address) { return with_context(std::move(error), address.authority()); }

}  // namespace

std::string UpstreamAddress::authority() const {
  const bool needs_brackets = host.find(':') != std::string::npos;
  std::string text = needs_brackets ? "[" + host + "]" : host;
  if (port != (is_tls ? port_of_https : port_of_http)) text += ":" + std::to_string(port);
  return text;
}

std::optional<UpstreamAddress> parse_upstream_address(std::string_view url) {
  UpstreamAddress address;
  const auto after_scheme = url.find("://");
  if (after_scheme == url.npos) return std::nullopt;
  const auto scheme = url.substr(0, after_scheme);
  address.is_tls = equals_ignoring_case(scheme, "https");
  if (!address.is_tls && !equals_ignoring_case(scheme, "http")) return std::nullopt;
  url.remove_prefix(after_scheme + 3);
  if (url.find_first_of("@?# \t\r\n") != url.npos) return std::nullopt;
  const auto slash = std::min(url.find('/'), url.size());
  auto host = url.substr(0, slash);
  address.path = url.substr(slash);
  while (address.path.ends_with('/')) address.path.pop_back();
  address.port = address.is_tls ? port_of_https : port_of_http;

  const bool is_bracketed = host.starts_with('[');
  const auto closing = is_bracketed ? host.find(']') : host.npos;
  if (is_bracketed && closing == host.npos) return std::nullopt;
  const auto colon = host.find(':', is_bracketed ? closing : 0);
  if (colon != host.npos) {
    const auto port = parse_port(host.substr(colon + 1));
    if (!port) return std::nullopt;
    address.port = *port;
    host = host.substr(0, colon);
  }
  address.host = is_bracketed ? host.substr(1, closing - 1) : host;
  if (address.host.empty() || (is_bracketed && host.size() != closing + 1)) return std::nullopt;
  return address;
}

Result<std::unique_ptr<UpstreamExchange>> UpstreamExchange::ask(const UpstreamAddress& address, const UpstreamRequest& request, const UpstreamPatience& patience,
                                                Exchange* exchange) {
  auto headers = request.headers;
  headers.emplace(headers.begin(), "Host", address.authority());
  if (has_body(request.method, request.body)) headers.emplace_back("Content-Length", std::to_string(request.body.size()));
  headers.emplace_back("Connection", "close");
  const auto head = request_head_text(request.method, request.target, headers);
  if (!head) return head.error();

  const auto connected_by = Clock::now() + patience.connect;
  auto socket = HttpSocket::connect(address.host, address.port, patience.connect);
  if (!socket) return Error{ErrorCode::unavailable, socket.error().message, "host"};
  if (address.is_tls) {
    const auto trust = system_trust();
    if (!trust) return trust.error();
    if (auto secured = socket->secure_to(address.host, **trust, connected_by); !secured)
      return with_host({ErrorCode::unavailable, "no TLS connection that can be trusted: " + secured.error().message, "host"}, address);
  }
  Pace pace{patience.write, 0, {}, 0};
  std::unique_ptr<UpstreamExchange> upstream(new UpstreamExchange(std::move(*socket)));
  if (!upstream->socket_.write({*head, request.body}, pace)) return with_host({ErrorCode::unavailable, "broke the connection", {}}, address);
  if (exchange) upstream->socket_.watch(exchange->client_descriptor(), [exchange] { return exchange->client_has_gone(); });

  do {  // an interim answer is none
    const auto text = upstream->socket_.read_head(patience.header_bytes_max, Clock::now() + patience.silence);
    if (!text) return with_host(text.error(), address);
    auto parsed = parse_response_head(*text);
    if (!parsed) return with_host({ErrorCode::unavailable, parsed.error().message, {}}, address);
    upstream->head_ = std::move(*parsed);
  } while (upstream->head_.status < 200);
  auto length = body_length(upstream->head_.headers, false);
  if (!length) return with_host({ErrorCode::unavailable, length.error().message, {}}, address);
  if (upstream->head_.status == 204 || upstream->head_.status == 304) *length = {false, 0};
  upstream->body_ = std::make_unique<HttpBody>(
      upstream->socket_, *length, HttpBody::Bounds{std::numeric_limits<std::int64_t>::max(), patience.silence, 0});
  return upstream;
}

Result<std::string> UpstreamExchange::read_all(std::size_t bytes_max) {
  const Error too_long{ErrorCode::limit, "the answer has more than " + std::to_string(bytes_max) + " bytes", {}};
  if (length() > static_cast<std::int64_t>(bytes_max)) return too_long;
  std::string all;
  char piece[16384];
  while (!is_complete()) {
    const auto got = read(piece, sizeof piece);
    if (!got) return got.error();
    if (all.size() + *got > bytes_max) return too_long;
    all.append(piece, *got);
  }
  return all;
}

std::string UpstreamExchange::read_beginning(std::size_t bytes_max) {
  std::string all;
  char piece[4096];
  while (!is_complete() && all.size() < bytes_max) {
    const auto got = read(piece, std::min(sizeof piece, bytes_max - all.size()));
    if (!got || *got == 0) break;
    all.append(piece, *got);
  }
  return all;
}

HttpHeaders::Entries end_to_end(const HttpHeaders& headers) {
  HttpHeaders::Entries kept;
  for (const auto& header : headers.all())
    if (!is_of_connection(header.first)) kept.push_back(header);
  return kept;
}

void relay(Exchange& exchange, UpstreamExchange& upstream, const HttpHeaders::Entries& headers) {
  if (!exchange.begin(upstream.head().status, headers, upstream.length())) return;
  char piece[16384];
  while (!upstream.is_complete()) {
    const auto got = upstream.read(piece, sizeof piece);
    if (!got) return exchange.abort();
    if (*got > 0 && !exchange.write({piece, *got})) return;
  }
  exchange.end();
}

}  // namespace luthier::gateway
