#include "actors/gateway/http_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace luthier::gateway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t buffer_bytes = 4096;         // of an idle connection: there may be thousands
constexpr std::size_t record_bytes = 16 << 10;     // of TLS
constexpr milliseconds watch_interval{5000};       // what ends a watched read is nearly always seen at once, on `other`
constexpr milliseconds farewell{2000}, farewell_silence{300};
constexpr std::size_t farewell_bytes = 64 << 20;

Error closed_error() { return {ErrorCode::unavailable, "the connection is closed", {}}; }
Error late_error() { return {ErrorCode::unavailable, "the other side is too slow", {}}; }

int poll_time(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
}

bool poll_until(int descriptor, short events, Clock::time_point deadline) {
  pollfd entry{descriptor, events, 0};
  while (true) {
    const int ready = ::poll(&entry, 1, poll_time(deadline));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return false;
  }
}

}  // namespace

HttpSocket::HttpSocket(HttpSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owns_(other.owns_),
      watched_(other.watched_),
      is_over_(std::move(other.is_over_)),
      tls_(std::move(other.tls_)),
      buffer_(std::move(other.buffer_)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      ended_(other.ended_) {}

HttpSocket::~HttpSocket() {
  if (owns_ && descriptor_ >= 0) ::close(descriptor_);
}

Result<HttpSocket> HttpSocket::connect(const std::string& host, int port, milliseconds timeout) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const Error failed{ErrorCode::unavailable, "nothing answers on " + host + ":" + std::to_string(port), {}};
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return failed;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  const auto deadline = Clock::now() + timeout;
  for (const auto* address = found; address; address = address->ai_next) {
    HttpSocket made(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (made.descriptor_ < 0) continue;
    const bool is_connecting = ::connect(made.descriptor_, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS;
    if (!is_connecting || !poll_until(made.descriptor_, POLLOUT, deadline)) continue;
    int failure = 0;
    socklen_t size = sizeof failure;
    if (::getsockopt(made.descriptor_, SOL_SOCKET, SO_ERROR, &failure, &size) != 0 || failure != 0) continue;
    const int yes = 1;
    ::setsockopt(made.descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return made;
  }
  return failed;
}

Result<void> HttpSocket::secure(const TlsContext& context, Time deadline) {
  auto stream = context.accept(descriptor_);
  if (!stream) return stream.error();
  return shake_hands(std::move(*stream), deadline);
}

Result<void> HttpSocket::secure_to(const std::string& host, const TlsContext& context, Time deadline) {
  auto stream = context.connect(descriptor_, host);
  if (!stream) return stream.error();
  return shake_hands(std::move(*stream), deadline);
}

Result<void> HttpSocket::shake_hands(std::unique_ptr<TlsStream> stream, Time deadline) {
  tls_ = std::move(stream);
  while (true) {
    const auto done = tls_->shake_hands();
    if (done.bytes > 0) return {};
    if (done.bytes == 0) return closed_error();
    if (auto ready = wait_to_read(deadline, done.events); !ready) return ready;
  }
}

bool HttpSocket::wait_readable(milliseconds timeout) const {
  return has_buffered() || poll_until(descriptor_, POLLIN, Clock::now() + timeout);
}

bool HttpSocket::peer_has_closed() const {
  pollfd entry{descriptor_, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void HttpSocket::watch(int other, std::function<bool()> is_over) {
  watched_ = other;
  is_over_ = std::move(is_over);
}

Result<void> HttpSocket::wait_to_read(Time deadline, short events) const {
  while (true) {
    if (Clock::now() >= deadline) return late_error();
    pollfd entries[] = {{descriptor_, events, 0}, {watched_, POLLRDHUP, 0}};
    const int time = poll_time(deadline);
    const int ready = ::poll(entries, is_over_ ? 2 : 1, is_over_ ? std::min<int>(time, watch_interval.count()) : time);
    if (ready < 0 && errno != EINTR) return closed_error();
    if (ready > 0 && entries[0].revents != 0) return {};
    if (is_over_ && is_over_()) return Error{ErrorCode::cancelled, "the client has gone", {}};
  }
}

Moved HttpSocket::receive(char* to, std::size_t size) {
  if (tls_) return tls_->read(to, size);
  while (true) {
    const auto got = ::recv(descriptor_, to, size, MSG_DONTWAIT);
    if (got >= 0) return {got, 0};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {-1, POLLIN};
    return {0, 0};
  }
}

Result<void> HttpSocket::fill(Time deadline, std::size_t room) {
  const auto held = end_ - begin_;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    begin_ = 0;
    end_ = held;
  }
  if (capacity_ - held < room) {
    const auto capacity = std::max(buffer_bytes, held + room);
    std::unique_ptr<char[]> larger(new char[capacity]);  // not set to zero: this runs for each request
    if (held > 0) std::memcpy(larger.get(), buffer_.get(), held);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  while (true) {
    const auto got = receive(buffer_.get() + end_, capacity_ - end_);
    if (got.bytes > 0) {
      end_ += static_cast<std::size_t>(got.bytes);
      return {};
    }
    if (got.bytes == 0) {
      ended_ = true;
      return closed_error();
    }
    if (auto ready = wait_to_read(deadline, got.events); !ready) return ready;
  }
}

void HttpSocket::release_buffer() {
  if (begin_ < end_ || capacity_ <= buffer_bytes) return;
  buffer_.reset();
  capacity_ = begin_ = end_ = 0;
}

Result<std::string> HttpSocket::read_head(std::size_t bytes_max, Time deadline) {
  std::size_t searched = 0;
  while (true) {
    const auto text = buffered();
    const auto end = text.find("\r\n\r\n", searched);
    if (end != std::string_view::npos && end <= bytes_max) {
      std::string head(text.substr(0, end));
      consume(end + 4);
      return head;
    }
    if (text.size() > bytes_max) return Error{ErrorCode::limit, "the header has more than " + std::to_string(bytes_max) + " bytes", {}};
    searched = text.size() < 3 ? 0 : text.size() - 3;
    if (auto more = fill(deadline, buffer_bytes / 2); !more) {
      if (buffered().empty() && more.error().code != ErrorCode::cancelled) return std::string();
      return more.error();
    }
  }
}

// Past the buffer where it is empty: large bodies are copied once, by the system.
Result<std::size_t> HttpSocket::read_some(char* to, std::size_t size, Time deadline) {
  if (begin_ < end_) {
    const auto count = std::min(size, end_ - begin_);
    std::memcpy(to, buffer_.get() + begin_, count);
    begin_ += count;
    return count;
  }
  while (true) {
    const auto got = receive(to, size);
    if (got.bytes > 0) return static_cast<std::size_t>(got.bytes);
    if (got.bytes == 0) {
      ended_ = true;
      return std::size_t{0};
    }
    if (auto ready = wait_to_read(deadline, got.events); !ready) return ready.error();
  }
}

// ------------------------------------------------------------------------------------------------------------ writing

bool HttpSocket::wait_to_write(Pace& pace, short events) const {
  const auto begin = Clock::now();
  const bool is_ready = poll_until(descriptor_, events, begin + pace.left());
  pace.waited += Clock::now() - begin;
  return is_ready;
}

bool HttpSocket::write(std::string_view bytes, milliseconds timeout) {
  Pace pace{timeout, 0, {}, 0};
  return write({bytes}, pace);
}

bool HttpSocket::write(std::initializer_list<std::string_view> pieces, Pace& pace) {
  if (!tls_) return write_plain(pieces, pace);
  std::size_t size = 0;
  for (const auto piece : pieces) size += piece.size();
  if (size > record_bytes)
    return std::all_of(pieces.begin(), pieces.end(), [&](std::string_view piece) { return write_encrypted(piece, pace); });
  std::string together;  // one record
  together.reserve(size);
  for (const auto piece : pieces) together += piece;
  return write_encrypted(together, pace);
}

bool HttpSocket::write_plain(std::initializer_list<std::string_view> pieces, Pace& pace) {
  std::array<iovec, 4> parts;
  assert(pieces.size() <= parts.size());
  std::size_t count = 0;
  for (const auto piece : pieces)
    if (!piece.empty()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
  std::size_t first = 0;
  while (first < count) {
    msghdr message{};
    message.msg_iov = parts.data() + first;
    message.msg_iovlen = count - first;
    auto sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (sent < 0) {
      if (!wait_to_write(pace, POLLOUT)) return false;
      continue;
    }
    pace.moved += sent;
    for (; first < count && static_cast<std::size_t>(sent) >= parts[first].iov_len; ++first) sent -= static_cast<ssize_t>(parts[first].iov_len);
    if (first < count && sent > 0) {
      parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + sent;
      parts[first].iov_len -= static_cast<std::size_t>(sent);
    }
  }
  return true;
}

bool HttpSocket::write_encrypted(std::string_view bytes, Pace& pace) {
  while (!bytes.empty()) {
    const auto sent = tls_->write(bytes.data(), bytes.size());
    if (sent.bytes == 0) return false;
    if (sent.bytes < 0) {
      if (!wait_to_write(pace, sent.events)) return false;
      continue;
    }
    pace.moved += sent.bytes;
    bytes.remove_prefix(static_cast<std::size_t>(sent.bytes));
  }
  return true;
}

// Closing a socket with unread bytes resets the connection, and the peer may lose our answer: so the rest is taken in for
// a moment, longer while it keeps coming.
void HttpSocket::close_politely() {
  if (tls_) tls_->say_goodbye();
  ::shutdown(descriptor_, SHUT_WR);
  char ignored[16384];
  const auto deadline = Clock::now() + farewell;
  for (std::size_t taken = 0; taken < farewell_bytes && Clock::now() < deadline;) {
    if (!poll_until(descriptor_, POLLIN, Clock::now() + farewell_silence)) break;
    const auto got = ::recv(descriptor_, ignored, sizeof ignored, MSG_DONTWAIT);
    if (got <= 0) break;
    taken += static_cast<std::size_t>(got);
  }
}

}  // namespace luthier::gateway
