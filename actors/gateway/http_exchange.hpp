// One request and its answer: what a route sees of HTTP.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "actors/gateway/gateway.hpp"
#include "actors/gateway/http_body.hpp"
#include "actors/gateway/http_head.hpp"
#include "actors/gateway/http_socket.hpp"

namespace luthier::gateway {

// Of the whole server. Draining: no request comes after those that run. Breaking off: those have had their time.
struct ServerEnd {
  std::atomic<bool> is_draining{false}, is_breaking_off{false};
};

// Used by its handler, on the thread of its connection.
class Exchange {
 public:
  using Extra = HttpHeaders::Entries;

  Exchange(HttpSocket& socket, const GatewayOptions& options, RequestHead head, HttpBody& body, const ServerEnd& end);

  const RequestHead request;
  HttpBody& body() { return body_; }
  const GatewayOptions& options() const { return options_; }

  // Head and body in one call of the system, and the body is not copied. What the message's length and its connection need is
  // said here: Content-Length, Transfer-Encoding and Connection of `extra` are left out. A name or a value with a line end in it
  // becomes a 500. A second answer is none: it breaks the first one off.
  void answer(int status, std::string_view content_type, std::string_view body, const Extra& extra = {});
  // In pieces: `length` -1 when it is not known before. False: the client is gone.
  bool begin(int status, const Extra& headers, std::int64_t length);
  bool write(std::string_view piece);
  void end();
  void abort() { keeps_ = false; }  // what has been sent is not all: the client sees that from the connection's end

  bool client_has_gone() const { return end_.is_breaking_off || socket_.peer_has_closed(); }
  bool is_draining() const { return end_.is_draining; }  // an answer without an end should come to one
  bool has_answered() const { return answered_; }
  bool keeps_connection() const { return keeps_ && ended_ && request.keeps_connection && !end_.is_draining; }
  int client_descriptor() const { return socket_.descriptor(); }

 private:
  Result<std::string> head_of(int status, std::string_view content_type, const Extra& headers, std::int64_t length);
  bool send(std::initializer_list<std::string_view> pieces);

  HttpSocket& socket_;
  const GatewayOptions& options_;
  HttpBody& body_;
  const ServerEnd& end_;
  Pace pace_;
  std::int64_t left_ = 0;  // of an answer whose length has been said
  bool answered_ = false, keeps_ = true, chunks_ = false, has_body_ = true, ended_ = true, is_broken_ = false;
};

// {"error": {"message", "type", "param", "code"}}, as OpenAI's clients read it.
std::string error_body(int status, std::string_view message, std::string_view param = {}, std::string_view code = {});

}  // namespace luthier::gateway
