// HTTP/1.1 on a port, a thread for each connection, with everything bounded. Written for this place and not taken from a
// library: a proxy reads and writes at the same time, and what cpp-httplib leaves open (the number and time of headers, how
// long a body may trickle, regular expressions over paths) is what a stranger would use.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/gateway/gateway.hpp"
#include "actors/gateway/http_body.hpp"
#include "actors/gateway/http_head.hpp"
#include "actors/gateway/http_socket.hpp"

namespace luthier::gateway {

// One request and its answer. Used by its handler, on the thread of its connection.
class Exchange {
 public:
  using Extra = std::vector<std::pair<std::string, std::string>>;

  Exchange(HttpSocket& socket, const GatewayOptions& options, RequestHead head, HttpBody& body, const std::atomic<bool>& stopping)
      : request(std::move(head)), socket_(socket), options_(options), body_(body), stopping_(stopping) {}

  const RequestHead request;
  HttpBody& body() { return body_; }
  const GatewayOptions& options() const { return options_; }

  void answer(int status, std::string_view content_type, std::string_view body, const Extra& extra = {});
  // In pieces: `length` -1 when it is not known before. False: the client is gone.
  bool begin(int status, const Extra& headers, std::int64_t length);
  bool write(std::string_view piece);
  void end();
  void abort() { keeps_ = false; }  // what has been sent is not all: the client sees that from the connection's end

  bool client_has_gone() const { return stopping_ || socket_.peer_has_closed(); }
  bool has_answered() const { return answered_; }
  bool keeps_connection() const { return keeps_ && request.keeps_connection && !stopping_; }
  int client_descriptor() const { return socket_.descriptor(); }

 private:
  std::string head_of(int status, const Extra& headers, std::int64_t length);
  HttpSocket& socket_;
  const GatewayOptions& options_;
  HttpBody& body_;
  const std::atomic<bool>& stopping_;
  bool answered_ = false, keeps_ = true, chunks_ = false;
};

class HttpServer {
 public:
  using Handler = std::function<void(Exchange&)>;
  static Result<std::unique_ptr<HttpServer>> start(const GatewayOptions& options, Handler handler);
  ~HttpServer();
  void stop();
  int port() const;

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// {"error": {"message", "type", "param", "code"}}, as OpenAI's clients read it.
std::string error_body(int status, std::string_view message, std::string_view param = {}, std::string_view code = {});

}  // namespace luthier::gateway
