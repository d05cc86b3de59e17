#include "gpu/serve/http_connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace luthier::serve {
namespace {

using std::chrono::milliseconds;

bool poll_for(int socket, short events, milliseconds timeout) {
  pollfd entry{socket, events, 0};
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return false;
  }
}

}  // namespace

bool HttpConnection::has_request(milliseconds timeout) const {
  return begin_ < end_ || poll_for(socket_, POLLIN, timeout);
}

void HttpConnection::begin_request() {
  deadline_ = std::chrono::steady_clock::now() + options_->request_timeout;
  allowance_ = options_->header_bytes_max;
  header_complete_ = exceeded_ = false;
  line_length_ = 0;
}

bool HttpConnection::peer_has_closed() const {
  pollfd entry{socket_, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool HttpConnection::is_readable() const { return has_request(options_->request_timeout); }

bool HttpConnection::is_writable() const {
  return poll_for(socket_, POLLOUT, options_->write_timeout) && !peer_has_closed();
}

bool HttpConnection::fill() {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now());
  if (left.count() <= 0 || !poll_for(socket_, POLLIN, left)) return false;
  const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
  if (got <= 0) return false;
  begin_ = 0;
  end_ = static_cast<std::size_t>(got);
  return true;
}

void HttpConnection::follow_header(char byte) {
  if (byte == '\n') {
    if (line_length_ == 0) {
      header_complete_ = true;
      allowance_ = options_->body_bytes_max + options_->body_bytes_max / 2 + 4096;  // chunks have headers of their own
    }
    line_length_ = 0;
  } else if (byte != '\r') {
    ++line_length_;
  }
}

ssize_t HttpConnection::read(char* to, size_t size) {
  if (allowance_ == 0) {
    exceeded_ = close_after = true;
    return -1;
  }
  if (begin_ == end_ && !fill()) {
    close_after = true;
    return -1;
  }
  const std::size_t count = std::min({size, end_ - begin_, allowance_});
  std::memcpy(to, buffer_.data() + begin_, count);
  begin_ += count;
  allowance_ -= count;
  for (std::size_t i = 0; i < count && !header_complete_; ++i) follow_header(to[i]);
  return static_cast<ssize_t>(count);
}

ssize_t HttpConnection::write(const char* from, size_t size) {
  std::size_t done = 0;
  while (done < size) {
    if (!poll_for(socket_, POLLOUT, options_->write_timeout)) return -1;
    const ssize_t sent = ::send(socket_, from + done, size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return -1;
    done += static_cast<std::size_t>(sent);
  }
  return static_cast<ssize_t>(done);
}

// Nobody here asks who the peer is: it is on this machine.
void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const { ip.clear(), port = 0; }
void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const { ip.clear(), port = 0; }

}  // namespace luthier::serve
