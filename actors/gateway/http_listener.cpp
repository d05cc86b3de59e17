#include "actors/gateway/http_listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace luthier::gateway {
namespace {

constexpr int waiting_max = 1024;  // connections that the system keeps until we take them

std::string without_brackets(const std::string& host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2) : host;
}

int port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// An IPv4 client of a socket that takes both has one name, not two.
std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&six)) ::inet_ntop(AF_INET, six.s6_addr + 12, text, sizeof text);
    else ::inet_ntop(AF_INET6, &six, text, sizeof text);
  }
  return text;
}

}  // namespace

Result<HttpListener> HttpListener::open(const std::string& host, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  if (port < 0 || port > 65535) return invalid(std::to_string(port) + " is no port: 0 (any) to 65535 are", "listen");
  if (::getaddrinfo(without_brackets(host).c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return invalid(host + " is not an address: 127.0.0.1, 0.0.0.0, ::1 and :: (IPv4 too) are", "listen");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> address(found, &::freeaddrinfo);
  HttpListener made(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 0);
  const int yes = 1, no = 0;
  ::setsockopt(made.descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (address->ai_family == AF_INET6) ::setsockopt(made.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (::bind(made.descriptor_, address->ai_addr, address->ai_addrlen) != 0 || ::listen(made.descriptor_, waiting_max) != 0)
    return Error{ErrorCode::unavailable, "cannot listen on " + host + ":" + std::to_string(port) + ": " + std::strerror(errno) +
                                             "; give another port, or 0 for any", "listen"};
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(made.descriptor_, reinterpret_cast<sockaddr*>(&bound), &size);
  made.port_ = port_of(bound);
  return made;
}

HttpListener::HttpListener(HttpListener&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), port_(other.port_) {}
HttpListener::~HttpListener() { close(); }

void HttpListener::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

std::optional<HttpListener::Accepted> HttpListener::accept() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int descriptor = ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return std::nullopt;
  const int yes = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return Accepted{descriptor, text_of(address)};
}

}  // namespace luthier::gateway
