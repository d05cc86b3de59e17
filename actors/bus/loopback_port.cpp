#include "actors/bus/loopback_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace luthier::bus {
namespace {

struct Socket {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ~Socket() {
    if (descriptor >= 0) close(descriptor);
  }
};

sockaddr_in address_of(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

// The port that it got; 0: refused.
int bind_to(const Socket& socket, const std::string& host, int port) {
  auto address = address_of(host, port);
  const int yes = 1;
  setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(socket.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
  if (listen(socket.descriptor, 1) != 0) return 0;
  socklen_t size = sizeof address;
  getsockname(socket.descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

std::optional<int> free_port(const std::string& host) {
  const Socket socket;
  const int port = bind_to(socket, host, 0);
  return port > 0 ? std::optional(port) : std::nullopt;
}

bool is_port_free(const std::string& host, int port) {
  const Socket socket;
  return bind_to(socket, host, port) > 0;
}

std::string greeting_of(const std::string& host, int port, std::chrono::milliseconds timeout) {
  const Socket socket;
  const auto address = address_of(host, port);
  if (connect(socket.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  std::string line;
  char buffer[4096];
  pollfd readable{socket.descriptor, POLLIN, 0};
  while (line.find('\n') == std::string::npos && line.size() < 65536) {
    if (poll(&readable, 1, static_cast<int>(timeout.count())) <= 0) return {};
    const auto count = recv(socket.descriptor, buffer, sizeof buffer, 0);
    if (count <= 0) return {};
    line.append(buffer, static_cast<std::size_t>(count));
  }
  return line.substr(0, line.find('\n'));
}

}  // namespace luthier::bus
