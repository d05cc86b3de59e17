#include "actors/gateway/http_server.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <exception>
#include <thread>

#include "actors/gateway/http_connections.hpp"
#include "actors/gateway/http_listener.hpp"

namespace luthier::gateway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t refused_max = 256;        // connections that were told "no" and have not read it yet
constexpr milliseconds refused_time{300};
constexpr milliseconds reap_interval{1000};     // of threads that have ended
constexpr rlim_t other_files_max = 1024;        // besides connections: the log, blobs, upstreams

std::string refusal(int status, const std::string& message, HttpHeaders::Entries headers = {}) {
  const auto body = error_body(status, message);
  headers.emplace_back("Content-Type", "application/json");
  headers.emplace_back("Content-Length", std::to_string(body.size()));
  headers.emplace_back("Connection", "close");
  return *response_head_text(status, headers) + body;
}

// A system's usual limit of 1,024 open files is less than the connections that we promise.
void allow_files(std::size_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = std::min<rlim_t>(limit.rlim_max, 2 * connections + other_files_max);  // a proxied one has two
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Null: neither file is named, and nothing is encrypted.
Result<std::shared_ptr<TlsContext>> load_tls(const GatewayOptions& options) {
  const auto &certificate = options.tls_certificate_file, &key = options.tls_key_file;
  if (certificate.empty() && key.empty()) return std::shared_ptr<TlsContext>();
  if (certificate.empty()) return invalid("TLS needs a certificate too: name its file, or leave the key's file out", "tls_certificate_file");
  if (key.empty()) return invalid("TLS needs the certificate's key too: name its file, or leave the certificate's out", "tls_key_file");
  return TlsContext::load(certificate, key);
}

}  // namespace

struct HttpServer::Parts {
  Parts(const GatewayOptions& given, Handler to, HttpListener at)
      : options(given),
        handler(std::move(to)),
        listener(std::move(at)),
        connections({options.connections_max, options.connections_per_address_max}, [this](HttpConnection& connection) { serve(connection); }) {}
  ~Parts() {
    if (wake >= 0) ::close(wake);
  }

  const GatewayOptions options;
  const Handler handler;
  HttpListener listener;
  std::shared_ptr<TlsContext> tls;
  ServerEnd end;
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::thread accepting;
  struct Refused {
    int descriptor;
    Clock::time_point until;
  };
  std::deque<Refused> refused;
  HttpConnections connections;  // the last member: its threads use the others

  void accept_loop();
  void take(HttpListener::Accepted accepted);
  void refuse(int descriptor, const std::string& message);
  void forget_refused(std::size_t left_max);
  void serve(HttpConnection& connection);
  void serve_requests(HttpSocket& socket, HttpConnection& connection);
  bool serve_request(HttpSocket& socket, const std::string& peer);
  bool refuse_request(HttpSocket& socket, int status, const std::string& message);
  bool refuse_request(HttpSocket& socket, const Error& error);
};

// -------------------------------------------------------------------------------------------------------- connections

void HttpServer::Parts::accept_loop() {
  while (!end.is_draining) {
    pollfd entries[] = {{listener.descriptor(), POLLIN, 0}, {wake, POLLIN, 0}};
    ::poll(entries, 2, static_cast<int>((refused.empty() ? reap_interval : refused_time / 3).count()));
    connections.join_ended();
    forget_refused(refused_max);
    if (auto accepted = listener.accept()) {
      take(std::move(*accepted));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      connections.end_longest_idle();
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  forget_refused(0);
  listener.close();
}

void HttpServer::Parts::take(HttpListener::Accepted accepted) {
  switch (connections.admit(accepted.descriptor, accepted.peer)) {
    case HttpConnections::Admission::admitted: return;
    case HttpConnections::Admission::full: return refuse(accepted.descriptor, "all connections are in use: try again");
    case HttpConnections::Admission::address_full:
      return refuse(accepted.descriptor, accepted.peer + " has " + std::to_string(options.connections_per_address_max) +
                                             " connections open, and may not have more: close some, or use them again");
    case HttpConnections::Admission::no_thread:
      return refuse(accepted.descriptor, "the system has no thread left for this connection: try again");
  }
}

// Without a thread of its own, and so without waiting. The connection is kept for a moment: closing it while its request is on the
// way would reset it, and the client might not read why.
void HttpServer::Parts::refuse(int descriptor, const std::string& message) {
  if (tls) {  // there is no saying it without a handshake
    ::close(descriptor);
    return;
  }
  HttpSocket(descriptor, false).write(refusal(503, message, {{"Retry-After", "1"}}), milliseconds(0));
  ::shutdown(descriptor, SHUT_WR);
  refused.push_back({descriptor, Clock::now() + refused_time});
  if (refused.size() > refused_max) forget_refused(refused_max);
}

void HttpServer::Parts::forget_refused(std::size_t left_max) {
  while (refused.size() > left_max || (!refused.empty() && refused.front().until <= Clock::now())) {
    char ignored[4096];
    for (int reads = 0; reads < 16 && ::recv(refused.front().descriptor, ignored, sizeof ignored, MSG_DONTWAIT) > 0; ++reads) {}
    ::close(refused.front().descriptor);
    refused.pop_front();
  }
}

void HttpServer::Parts::serve(HttpConnection& connection) {
  HttpSocket socket(connection.descriptor, false);
  if (!tls || socket.secure(*tls, Clock::now() + options.header_timeout)) serve_requests(socket, connection);
  socket.close_politely();
}

void HttpServer::Parts::serve_requests(HttpSocket& socket, HttpConnection& connection) {
  bool is_first = true;
  do {
    socket.release_buffer();
    if (!is_first) connection.set(HttpConnection::State::idle);
    // stop() ends those that wait; one that begins to wait just then sees it here.
    if (end.is_draining || !socket.wait_readable(is_first ? options.header_timeout : options.keep_alive_timeout)) return;
    connection.set(HttpConnection::State::busy);
    is_first = false;
  } while (serve_request(socket, connection.peer));
}

// ----------------------------------------------------------------------------------------------------------- requests

// False: the connection ends.
bool HttpServer::Parts::serve_request(HttpSocket& socket, const std::string& peer) {
  const auto text = socket.read_head(options.header_bytes_max, Clock::now() + options.header_timeout);
  if (!text) return refuse_request(socket, text.error());
  if (text->empty()) return false;
  auto head = parse_request_head(*text);
  if (!head) return refuse_request(socket, head.error());
  head->peer = peer;
  const auto length = body_length(head->headers, true);
  if (!length) return refuse_request(socket, length.error());
  if (length->is_chunked && head->is_1_0) return refuse_request(socket, 400, "HTTP/1.0 has no transfer codings: say the length of the body");

  HttpBody body(socket, *length, {static_cast<std::int64_t>(options.body_bytes_max), options.body_timeout, options.body_bytes_per_second});
  if (const auto* expects = head->headers.find("Expect"); expects && !head->is_1_0) {
    if (!equals_ignoring_case(*expects, "100-continue"))
      return refuse_request(socket, 417, "of what a client may expect, only \"100-continue\" is known here");
    body.owe_continue();
  }
  Exchange exchange(socket, options, std::move(*head), body, end);
  try {
    handler(exchange);
    if (!exchange.has_answered()) exchange.answer(500, "application/json", error_body(500, "a fault of the server: no answer"));
  } catch (const std::exception& fault) {
    if (exchange.has_answered()) return false;
    exchange.answer(500, "application/json", error_body(500, std::string("a fault of the server: ") + fault.what()));
  }
  return exchange.keeps_connection();
}

bool HttpServer::Parts::refuse_request(HttpSocket& socket, int status, const std::string& message) {
  socket.write(refusal(status, message), options.write_timeout);
  return false;
}

bool HttpServer::Parts::refuse_request(HttpSocket& socket, const Error& error) {
  return refuse_request(socket, error.code == ErrorCode::limit ? 431 : error.code == ErrorCode::unavailable ? 408 : 400, error.message);
}

// --------------------------------------------------------------------------------------------------------------- life

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HttpServer::~HttpServer() { stop(); }
int HttpServer::port() const { return parts_->listener.port(); }

Result<std::unique_ptr<HttpServer>> HttpServer::start(const GatewayOptions& options, Handler handler) {
  auto tls = load_tls(options);
  if (!tls) return tls.error();
  auto listener = HttpListener::open(options.host, options.port);
  if (!listener) return listener.error();
  allow_files(options.connections_max);
  auto parts = std::make_unique<Parts>(options, std::move(handler), std::move(*listener));
  parts->tls = std::move(*tls);
  parts->accepting = std::thread([p = parts.get()] { p->accept_loop(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

void HttpServer::stop() {
  auto& parts = *parts_;
  if (!parts.accepting.joinable()) return;
  parts.end.is_draining = true;
  ::eventfd_write(parts.wake, 1);
  parts.accepting.join();
  parts.connections.end_idle();
  if (!parts.connections.wait_until_none(parts.options.drain)) {
    parts.end.is_breaking_off = true;
    parts.connections.break_off();
    while (!parts.connections.wait_until_none(std::chrono::seconds(1))) {}
  }
  parts.connections.join_ended();
}

}  // namespace luthier::gateway
