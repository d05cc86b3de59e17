#include "actors/gateway/http_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace luthier::gateway {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Error closed_error() { return {ErrorCode::unavailable, "the connection is closed", {}}; }
Error late_error() { return {ErrorCode::unavailable, "the other side is too slow", {}}; }

bool poll_until(int descriptor, short events, Clock::time_point deadline) {
  pollfd entry{descriptor, events, 0};
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    const int ready = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return false;
  }
}

}  // namespace

HttpSocket::HttpSocket(HttpSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)), begin_(other.begin_) {}

HttpSocket::~HttpSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
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

Result<void> HttpSocket::wait_to_read(Time deadline) const {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return late_error();
    pollfd entries[] = {{descriptor_, POLLIN, 0}, {watched_, POLLRDHUP, 0}};
    const int ready = ::poll(entries, is_over_ ? 2 : 1, static_cast<int>(std::min<std::int64_t>(left, is_over_ ? 250 : 1 << 30)));
    if (ready < 0 && errno != EINTR) return closed_error();
    if (ready > 0 && entries[0].revents != 0) return {};
    if (is_over_ && is_over_()) return Error{ErrorCode::cancelled, "the client has gone", {}};
  }
}

Result<void> HttpSocket::fill(Time deadline) {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const auto size = buffer_.size();
  while (true) {
    buffer_.resize(size + 16384);
    const auto got = ::recv(descriptor_, buffer_.data() + size, buffer_.size() - size, MSG_DONTWAIT);
    const int failure = errno;
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got > 0) return {};
    if (got == 0 || (failure != EINTR && failure != EAGAIN && failure != EWOULDBLOCK)) return closed_error();
    if (failure == EINTR) continue;
    if (auto ready = wait_to_read(deadline); !ready) return ready;
  }
}

Result<std::string> HttpSocket::read_head(std::size_t bytes_max, Time deadline) {
  std::size_t searched = 0;
  while (true) {
    const auto end = buffer_.find("\r\n\r\n", begin_ + searched);
    if (end != std::string::npos && end - begin_ <= bytes_max) {
      std::string head = buffer_.substr(begin_, end - begin_);
      begin_ = end + 4;
      return head;
    }
    const auto size = buffer_.size() - begin_;
    if (size > bytes_max) return Error{ErrorCode::limit, "the header has more than " + std::to_string(bytes_max) + " bytes", {}};
    searched = size < 3 ? 0 : size - 3;
    if (auto more = fill(deadline); !more) {
      if (size == 0 && more.error().code != ErrorCode::cancelled) return std::string();
      return more.error();
    }
  }
}

Result<std::size_t> HttpSocket::read_some(char* to, std::size_t size, Time deadline) {
  if (!has_buffered()) {
    if (auto more = fill(deadline); !more) {
      if (more.error() == closed_error()) return std::size_t{0};
      return more.error();
    }
  }
  const auto count = std::min(size, buffer_.size() - begin_);
  std::memcpy(to, buffer_.data() + begin_, count);
  begin_ += count;
  return count;
}

bool HttpSocket::write(std::string_view bytes, milliseconds timeout) {
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (!poll_until(descriptor_, POLLOUT, Clock::now() + timeout)) return false;
  }
  return true;
}

// Closing a socket with unread bytes resets the connection, and the peer may lose our answer: so the rest is taken in for
// a moment.
void HttpSocket::close_politely() {
  ::shutdown(descriptor_, SHUT_WR);
  char ignored[16384];
  const auto deadline = Clock::now() + milliseconds(300);
  for (int reads = 0; reads < 256 && poll_until(descriptor_, POLLIN, deadline); ++reads)
    if (::recv(descriptor_, ignored, sizeof ignored, MSG_DONTWAIT) <= 0) break;
}

}  // namespace luthier::gateway
