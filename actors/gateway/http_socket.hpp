// A connection, plain or with TLS, with deadlines on everything. One thread uses it, and nothing on it waits for ever.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "actors/gateway/http_pace.hpp"
#include "actors/gateway/http_tls.hpp"
#include "events/base/result.hpp"

namespace luthier::gateway {

class HttpSocket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit HttpSocket(int descriptor, bool owns = true) : descriptor_(descriptor), owns_(owns) {}
  HttpSocket(HttpSocket&& other) noexcept;
  HttpSocket& operator=(HttpSocket&&) = delete;
  ~HttpSocket();

  // unavailable: nothing listens there, or not within the time.
  static Result<HttpSocket> connect(const std::string& host, int port, std::chrono::milliseconds timeout);
  // From here on everything is encrypted. unavailable: the other side does not speak TLS, or not in time.
  Result<void> secure(const TlsContext& context, Time deadline);
  // The same as a client, who wants to speak with this host and no other.
  Result<void> secure_to(const std::string& host, const TlsContext& context, Time deadline);

  int descriptor() const { return descriptor_; }
  // Reading ends with `cancelled` once `is_over` says so; it is asked when something happens on `other`, and now and then.
  void watch(int other, std::function<bool()> is_over);
  bool has_buffered() const { return begin_ < end_ || (tls_ && tls_->has_pending()); }
  bool wait_readable(std::chrono::milliseconds timeout) const;  // also true when the peer has closed
  bool peer_has_closed() const;
  bool has_ended() const { return ended_; }  // a read has met the end

  // Everything before the empty line; without bytes at all it is "". limit: longer than `bytes_max`.
  Result<std::string> read_head(std::size_t bytes_max, Time deadline);
  // 0: the peer has closed.
  Result<std::size_t> read_some(char* to, std::size_t size, Time deadline);

  // What has arrived and is not used yet, for a reader that needs it in one piece.
  std::string_view buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  Result<void> fill(Time deadline, std::size_t room);  // waits for more of it
  void release_buffer();                               // before a long silence

  bool write(std::string_view bytes, std::chrono::milliseconds timeout);  // of each wait
  // All of them in one call of the system where possible.
  bool write(std::initializer_list<std::string_view> pieces, Pace& pace);
  void close_politely();

 private:
  Result<void> shake_hands(std::unique_ptr<TlsStream> stream, Time deadline);
  Moved receive(char* to, std::size_t size);
  Result<void> wait_to_read(Time deadline, short events) const;
  bool wait_to_write(Pace& pace, short events) const;
  bool write_plain(std::initializer_list<std::string_view> pieces, Pace& pace);
  bool write_encrypted(std::string_view bytes, Pace& pace);

  int descriptor_;
  bool owns_;  // else somebody else closes it
  int watched_ = -1;
  std::function<bool()> is_over_;
  std::unique_ptr<TlsStream> tls_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  bool ended_ = false;
};

}  // namespace luthier::gateway
