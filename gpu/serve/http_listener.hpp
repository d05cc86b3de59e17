// HTTP/1.1 on a loopback port, with everything bounded: connections, time, header and body sizes. The library under it
// bounds neither headers nor chunked or compressed bodies.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::serve {

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: a free one
  std::size_t connections_max = 128;
  std::size_t header_bytes_max = 32 << 10;
  std::size_t body_bytes_max = 4 << 20;
  std::chrono::milliseconds request_timeout{30'000};  // for a whole request to arrive
  std::chrono::milliseconds write_timeout{10'000};    // for the peer to take some of an answer
  std::chrono::milliseconds keep_alive_timeout{30'000};
};

struct HttpRequest {
  std::string method, path;  // decoded, without the query
  std::string body;
  std::string authorization;
};

// Sends one piece of a streamed answer: false when the client has gone.
using SendPiece = std::function<bool(const std::string&)>;

struct HttpAnswer {
  int status = 200;
  std::string body{};
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers{};
  // Set for a streamed answer (Server-Sent Events): called again and again until it returns false.
  std::function<bool(const SendPiece&)> stream{};
};

// True when the client of the request that this thread is handling has closed its side.
bool client_has_gone();

class HttpListener {
 public:
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;
  struct Route {
    std::string method, path;  // a path that ends with '*' stands for all that begin so
    Handler handler;
  };

  // `error_answer` forms the body of the listener's own refusals: status, message.
  static Result<std::unique_ptr<HttpListener>> start(const HttpOptions& options, std::vector<Route> routes,
                                                     std::function<HttpAnswer(int, std::string)> error_answer);
  ~HttpListener();  // stop()

  int port() const;
  // From now on requests are refused with 503 and connections are not kept.
  void drain();
  // Whether an answer is on its way to a client: stop() would cut a stream off.
  bool is_answering() const;
  // Breaks off what still runs once its handler returns.
  void stop();

 private:
  HttpListener();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::serve
