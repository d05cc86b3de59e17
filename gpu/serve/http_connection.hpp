// One client's socket as the HTTP library reads it, with our bounds. Only http_listener.cpp and http_connection.cpp
// include it, since it needs the library's header.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>

#include "gpu/serve/http_listener.hpp"

namespace luthier::serve {

class HttpConnection final : public httplib::Stream {
 public:
  HttpConnection(int socket, const HttpOptions& options) : socket_(socket), options_(&options) {}

  // Waits for the first byte of a request, for a short while.
  bool has_request(std::chrono::milliseconds timeout) const;
  void begin_request();
  bool has_exceeded_header() const { return exceeded_ && !header_complete_; }
  bool peer_has_closed() const;

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

  bool close_after = false;  // part of a request was left unread, so the next one could not be found

 private:
  bool fill();
  void follow_header(char byte);

  const int socket_;
  const HttpOptions* options_;
  std::chrono::steady_clock::time_point deadline_{};
  std::size_t allowance_ = 0;  // bytes that this request may still have
  bool header_complete_ = false, exceeded_ = false;
  int line_length_ = 0;        // an empty line ends the header
  std::array<char, 16384> buffer_{};
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace luthier::serve
