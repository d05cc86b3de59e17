#include "actors/gateway/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

namespace luthier::gateway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "-";
  }
}

std::string_view type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 404) return "not_found_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

}  // namespace

std::string error_body(int status, std::string_view message, std::string_view param, std::string_view code) {
  const auto or_null = [](std::string_view text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); };
  const nlohmann::json body{
      {"error", {{"message", message}, {"type", type_of(status)}, {"param", or_null(param)}, {"code", or_null(code)}}}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// ---------------------------------------------------------------------------------------------------------- answers

std::string Exchange::head_of(int status, const Extra& headers, std::int64_t length) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_of(status)) + "\r\n";
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  if (length >= 0) head += "Content-Length: " + std::to_string(length) + "\r\n";
  if (chunks_) head += "Transfer-Encoding: chunked\r\n";
  if (!keeps_connection()) head += "Connection: close\r\n";
  return head + "\r\n";
}

void Exchange::answer(int status, std::string_view content_type, std::string_view body, const Extra& extra) {
  // A body that was left unread would be taken for the next request.
  if (!body_.is_complete()) keeps_ = false;
  auto headers = extra;
  headers.emplace_back("Content-Type", content_type);
  answered_ = true;
  auto text = head_of(status, headers, static_cast<std::int64_t>(body.size()));
  if (request.method != "HEAD") text += body;
  if (!socket_.write(text, options_.write_timeout)) keeps_ = false;
}

bool Exchange::begin(int status, const Extra& headers, std::int64_t length) {
  if (!body_.is_complete()) keeps_ = false;
  chunks_ = length < 0 && !request.is_1_0;
  if (length < 0 && request.is_1_0) keeps_ = false;  // the end of the connection is the end of the answer
  answered_ = true;
  const bool sent = socket_.write(head_of(status, headers, length), options_.write_timeout);
  if (!sent) keeps_ = false;
  return sent;
}

bool Exchange::write(std::string_view piece) {
  if (piece.empty() || request.method == "HEAD") return true;
  bool sent = false;
  if (chunks_) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    sent = socket_.write(std::string(size) + std::string(piece) + "\r\n", options_.write_timeout);
  } else {
    sent = socket_.write(piece, options_.write_timeout);
  }
  if (!sent) keeps_ = false;
  return sent;
}

void Exchange::end() {
  if (chunks_ && request.method != "HEAD" && !socket_.write("0\r\n\r\n", options_.write_timeout)) keeps_ = false;
}

// ------------------------------------------------------------------------------------------------------- connections

struct HttpServer::Parts {
  struct Connection {
    std::thread thread;
    int descriptor = -1;  // -1: it has ended, the thread can be joined
  };

  GatewayOptions options;
  Handler handler;
  int listening = -1, port = 0;
  std::atomic<bool> stopping{false};
  std::thread accepting;
  std::mutex mutex;
  std::list<Connection> connections;
  std::atomic<std::size_t> open{0};

  ~Parts() {
    if (listening >= 0) ::close(listening);
  }
  Result<void> listen();
  void accept_loop();
  void begin(int descriptor);
  void reap();
  void serve(int descriptor, std::list<Connection>::iterator self);
  void serve_connection(HttpSocket& socket);
  bool serve_request(HttpSocket& socket);
  bool refuse(HttpSocket& socket, const Error& error) const;
  bool is_full() const { return open >= options.connections_max; }
};

Result<void> HttpServer::Parts::listen() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  if (inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1)
    return invalid(options.host + " is not an IPv4 address: 127.0.0.1 and 0.0.0.0 are", "listen");
  listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listening, 128) != 0)
    return Error{ErrorCode::unavailable, "cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " + std::strerror(errno) +
                                             "; give another port, or 0 for any", "listen"};
  socklen_t size = sizeof address;
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return {};
}

void HttpServer::Parts::accept_loop() {
  while (!stopping) {
    pollfd entry{listening, POLLIN, 0};
    ::poll(&entry, 1, 200);
    reap();
    const int descriptor = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) std::this_thread::sleep_for(milliseconds(50));
      continue;
    }
    const int yes = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (is_full()) {
      HttpSocket socket(descriptor);
      const auto body = error_body(503, "all connections are in use: try again");
      socket.write("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body, milliseconds(0));
      ::shutdown(descriptor, SHUT_WR);
      continue;
    }
    begin(descriptor);
  }
}

void HttpServer::Parts::begin(int descriptor) {
  const std::lock_guard lock(mutex);
  const auto self = connections.emplace(connections.end());
  self->descriptor = descriptor;
  ++open;
  try {
    self->thread = std::thread([this, descriptor, self] { serve(descriptor, self); });
  } catch (const std::system_error&) {  // no thread to be had: this client tries again
    --open;
    connections.erase(self);
    ::close(descriptor);
  }
}

void HttpServer::Parts::reap() {
  const std::lock_guard lock(mutex);
  for (auto connection = connections.begin(); connection != connections.end();) {
    if (connection->descriptor >= 0) {
      ++connection;
      continue;
    }
    connection->thread.join();
    connection = connections.erase(connection);
  }
}

void HttpServer::Parts::serve(int descriptor, std::list<Connection>::iterator self) {
  HttpSocket socket(descriptor);
  serve_connection(socket);
  socket.close_politely();
  {
    const std::lock_guard lock(mutex);  // stop() must not shut down a number that means another file by now
    self->descriptor = -1;
  }
  --open;
}

void HttpServer::Parts::serve_connection(HttpSocket& socket) {
  bool first = true;
  do {
    const auto deadline = Clock::now() + (first ? options.header_timeout : options.keep_alive_timeout);
    while (!socket.wait_readable(milliseconds(100)))
      if (stopping || Clock::now() >= deadline || (!first && is_full())) return;
    first = false;
  } while (serve_request(socket));
}

// False: the connection ends.
bool HttpServer::Parts::serve_request(HttpSocket& socket) {
  const auto text = socket.read_head(options.header_bytes_max, Clock::now() + options.header_timeout);
  if (!text) return refuse(socket, text.error());
  if (text->empty()) return false;
  auto head = parse_request_head(*text);
  if (!head) return refuse(socket, head.error());
  const auto length = body_length(head->headers, true);
  if (!length) return refuse(socket, length.error());
  const auto* expects = head->headers.find("Expect");
  HttpBody body(socket, *length, {static_cast<std::int64_t>(options.body_bytes_max), options.body_timeout, options.body_bytes_per_second});
  if (expects && equals_ignoring_case(*expects, "100-continue") && !body.is_complete() &&
      !socket.write("HTTP/1.1 100 Continue\r\n\r\n", options.write_timeout))
    return false;
  Exchange exchange(socket, options, std::move(*head), body, stopping);
  try {
    handler(exchange);
    if (!exchange.has_answered()) exchange.answer(500, "application/json", error_body(500, "a fault of the server: no answer"));
  } catch (const std::exception& fault) {
    if (exchange.has_answered()) return false;
    exchange.answer(500, "application/json", error_body(500, std::string("a fault of the server: ") + fault.what()));
  }
  return exchange.keeps_connection();
}

bool HttpServer::Parts::refuse(HttpSocket& socket, const Error& error) const {
  const int status = error.code == ErrorCode::limit ? 431 : error.code == ErrorCode::unavailable ? 408 : 400;
  const auto body = error_body(status, error.message);
  socket.write("HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_of(status)) +
                   "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
               options.write_timeout);
  return false;
}

// -------------------------------------------------------------------------------------------------------------- life

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HttpServer::~HttpServer() { stop(); }
int HttpServer::port() const { return parts_->port; }

Result<std::unique_ptr<HttpServer>> HttpServer::start(const GatewayOptions& options, Handler handler) {
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  parts->handler = std::move(handler);
  if (auto listening = parts->listen(); !listening) return listening.error();
  parts->accepting = std::thread([p = parts.get()] { p->accept_loop(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

void HttpServer::stop() {
  parts_->stopping = true;
  if (!parts_->accepting.joinable()) return;
  parts_->accepting.join();
  {
    const std::lock_guard lock(parts_->mutex);
    for (auto& connection : parts_->connections)
      if (connection.descriptor >= 0) ::shutdown(connection.descriptor, SHUT_RDWR);
  }
  for (auto& connection : parts_->connections) connection.thread.join();
  parts_->connections.clear();
}

}  // namespace luthier::gateway
