// Asking another HTTP server, plain or with TLS: one request, one answer, one connection. The answer is read piece by piece as it
// comes. When the client goes, so does this connection, and whoever works at the other end stops.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/gateway/http_body.hpp"
#include "actors/gateway/http_head.hpp"
#include "actors/gateway/http_socket.hpp"

namespace luthier::gateway {

class Exchange;

struct UpstreamAddress {
  bool is_tls = false;
  std::string host;  // an IPv6 address without its brackets
  int port = 0;
  std::string path;  // what comes before each target: "/v1", or nothing

  std::string authority() const;  // "host:8080", "[::1]:8080"; without the port that the scheme implies
};
// "http://127.0.0.1:41234", "https://example.org/v1". nullopt: no such address, or one with a user name, a query or a fragment.
std::optional<UpstreamAddress> parse_upstream_address(std::string_view url);

struct UpstreamRequest {
  std::string method, target;      // the target with the address's path, as it is sent
  HttpHeaders::Entries headers;    // Host, Connection and what the body's length needs are added
  std::string body;
};

struct UpstreamPatience {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds write{30'000};
  std::chrono::milliseconds silence{600'000};  // before the answer and between its pieces
  std::size_t header_bytes_max = 32 << 10;
};

class UpstreamExchange {
 public:
  // With an exchange, its client's leaving ends all waiting as `cancelled`. invalid: the request cannot be written as one.
  // unavailable: not reached or not trusted (with "host" as the field), or broken off.
  static Result<std::unique_ptr<UpstreamExchange>> ask(const UpstreamAddress& address, const UpstreamRequest& request, const UpstreamPatience& patience,
                                               Exchange* exchange = nullptr);

  const ResponseHead& head() const { return head_; }
  std::int64_t length() const { return body_->length().bytes.value_or(-1); }  // -1: not known before
  bool is_complete() const { return body_->is_complete(); }
  Result<std::size_t> read(char* to, std::size_t size) { return body_->read(to, size); }  // 0: the end
  Result<std::string> read_all(std::size_t bytes_max);                                   // limit: it is longer
  std::string read_beginning(std::size_t bytes_max);                                     // as much of it as there is

 private:
  explicit UpstreamExchange(HttpSocket socket) : socket_(std::move(socket)) {}
  HttpSocket socket_;
  ResponseHead head_;
  std::unique_ptr<HttpBody> body_;
};

// An answer's headers that are for the client, not for one connection: without lengths and codings.
HttpHeaders::Entries end_to_end(const HttpHeaders& headers);

// The rest of the answer to the client, as it comes. What cannot be completed is broken off, so that the client sees it.
void relay(Exchange& exchange, UpstreamExchange& upstream, const HttpHeaders::Entries& headers);

}  // namespace luthier::gateway
