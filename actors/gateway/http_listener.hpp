// The port that clients connect to.
#pragma once

#include <optional>
#include <string>

#include "events/base/result.hpp"

namespace luthier::gateway {

class HttpListener {
 public:
  struct Accepted {
    int descriptor = -1;
    std::string peer;  // "127.0.0.1", "::1"
  };

  // `host` is an IPv4 or IPv6 address, "::" means both. port 0: a free one.
  static Result<HttpListener> open(const std::string& host, int port);
  HttpListener(HttpListener&& other) noexcept;
  HttpListener& operator=(HttpListener&&) = delete;
  ~HttpListener();

  int port() const { return port_; }
  int descriptor() const { return descriptor_; }
  std::optional<Accepted> accept();  // without waiting; errno says why there is none
  void close();                      // from here on clients are refused by the system

 private:
  HttpListener(int descriptor, int port) : descriptor_(descriptor), port_(port) {}
  int descriptor_, port_;
};

}  // namespace luthier::gateway
