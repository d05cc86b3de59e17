// Both sides of the gateway, as sockets in the test: a client that sends what it likes, and a serving process that does.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace luthier::gateway {

class Peer {  // an open connection
 public:
  explicit Peer(int descriptor) : descriptor_(descriptor) {}
  Peer(Peer&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), received_(std::move(other.received_)) {}
  ~Peer() { close(); }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  bool send(const std::string& bytes) { return ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()); }
  // Waits until `text` has come; what has come so far is in received(). False: closed, or too late.
  bool wait_for(const std::string& text, int timeout_ms = 5000) {
    while (received_.find(text) == std::string::npos)
      if (!more(timeout_ms)) return false;
    return true;
  }
  bool wait_for_end(int timeout_ms = 5000) {
    while (more(timeout_ms)) {}
    return ended_;
  }
  std::string take() { return std::exchange(received_, {}); }
  const std::string& received() const { return received_; }

 private:
  bool more(int timeout_ms) {
    pollfd entry{descriptor_, POLLIN, 0};
    if (::poll(&entry, 1, timeout_ms) <= 0) return false;
    char buffer[65536];
    const auto got = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }
  int descriptor_;
  std::string received_;
  bool ended_ = false;
};

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline Peer connect_to(int port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  REQUIRE(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return Peer(descriptor);
}

// Serves one connection after the other with `serve`, which has the request's head and body in peer.received().
class Upstream {
 public:
  explicit Upstream(std::function<void(Peer&)> serve) : serve_(std::move(serve)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listening_, 16) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Upstream() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string last_request() const {
    const std::lock_guard lock(mutex_);
    return last_request_;
  }

 private:
  void run() {
    while (true) {
      const int descriptor = ::accept(listening_, nullptr, nullptr);
      if (descriptor < 0) return;
      Peer peer(descriptor);
      peer.wait_for("\r\n\r\n");
      const auto at = peer.received().find("Content-Length: ");
      const auto length = at == std::string::npos ? 0 : std::stoul(peer.received().substr(at + 16));
      while (peer.received().size() < peer.received().find("\r\n\r\n") + 4 + length && peer.wait_for(std::string(1, '\xff'), 50)) {}
      {
        const std::lock_guard lock(mutex_);
        last_request_ = peer.received();
      }
      serve_(peer);
    }
  }
  std::function<void(Peer&)> serve_;
  int listening_ = -1, port_ = 0;
  mutable std::mutex mutex_;
  std::string last_request_;
  std::thread thread_;
};

inline bool eventually(const std::function<bool()>& is_true, std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace luthier::gateway
