// HTTP/1.1 on a port, a thread for each connection, with everything bounded. Messages are read and written by Boost.Beast, TLS is
// OpenSSL's; the threads and all the waiting are ours: docs/decisions/0006 says why.
#pragma once

#include <functional>
#include <memory>

#include "actors/gateway/gateway.hpp"
#include "actors/gateway/http_exchange.hpp"

namespace luthier::gateway {

class HttpServer {
 public:
  using Handler = std::function<void(Exchange&)>;  // called from many threads at once
  static Result<std::unique_ptr<HttpServer>> start(const GatewayOptions& options, Handler handler);
  ~HttpServer();
  // Takes no more connections and requests, gives those that run `options.drain` to end, and breaks off the rest.
  void stop();
  int port() const;

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::gateway
