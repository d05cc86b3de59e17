// A connection with deadlines on everything. One thread uses it, and nothing on it waits for ever.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::gateway {

class HttpSocket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit HttpSocket(int descriptor) : descriptor_(descriptor) {}
  HttpSocket(HttpSocket&& other) noexcept;
  HttpSocket& operator=(HttpSocket&&) = delete;
  ~HttpSocket();

  // unavailable: nothing listens there, or not within the time.
  static Result<HttpSocket> connect(const std::string& host, int port, std::chrono::milliseconds timeout);

  int descriptor() const { return descriptor_; }
  // Reading ends with `cancelled` once `is_over` says so; it is asked when something happens on `other`, and now and then.
  void watch(int other, std::function<bool()> is_over);
  bool has_buffered() const { return begin_ < buffer_.size(); }
  bool wait_readable(std::chrono::milliseconds timeout) const;  // also true when the peer has closed
  bool peer_has_closed() const;

  // Everything before the empty line; without bytes at all it is "". limit: longer than `bytes_max`.
  Result<std::string> read_head(std::size_t bytes_max, Time deadline);
  // 0: the peer has closed.
  Result<std::size_t> read_some(char* to, std::size_t size, Time deadline);
  bool write(std::string_view bytes, std::chrono::milliseconds timeout);  // of each wait
  void close_politely();

 private:
  Result<void> fill(Time deadline);
  Result<void> wait_to_read(Time deadline) const;
  int descriptor_;
  int watched_ = -1;
  std::function<bool()> is_over_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

}  // namespace luthier::gateway
