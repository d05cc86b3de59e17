#include "actors/hub/socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <system_error>

namespace luthier::hub {
namespace {

Error broken(int error_number) {
  return {ErrorCode::unavailable, "the connection broke (" + std::generic_category().message(error_number) + ")", {}};
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> look_up(const std::string& host, int port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  int answer = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (answer != 0) {  // a machine whose only network is loopback has no address at all by that flag's rule
    hints.ai_flags = AI_NUMERICSERV;
    answer = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  }
  if (answer != 0) return Error{ErrorCode::unavailable, std::string("its name cannot be looked up (") + ::gai_strerror(answer) + ")", {}};
  return Addresses(found, &::freeaddrinfo);
}

int count(const addrinfo* address) {
  int number = 0;
  for (; address; address = address->ai_next) ++number;
  return number;
}

}  // namespace

Result<Socket> Socket::connect(const std::string& host, int port, const Patience& patience) {
  const auto addresses = look_up(host, port);
  if (!addresses) return addresses.error();
  Error last{ErrorCode::unavailable, "nothing answers there", {}};
  int left = count(addresses->get());
  for (const auto* address = addresses->get(); address; address = address->ai_next, --left) {
    Socket made(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made.descriptor_) continue;
    if (::connect(made.descriptor_.get(), address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
      last = {ErrorCode::unavailable, "nothing answers there (" + std::generic_category().message(errno) + ")", {}};
      continue;
    }
    // An address that swallows everything must leave time for the next one.
    const auto now = std::chrono::steady_clock::now();
    const Patience share{now + std::max(patience.deadline - now, SteadyTime::duration::zero()) / left, patience.cancel};
    if (auto ready = wait_for(made.descriptor_.get(), POLLOUT, share); !ready) {
      if (ready.error().code == ErrorCode::cancelled) return ready.error();
      last = {ErrorCode::unavailable, "nothing answers there in time", {}};
      continue;
    }
    int failure = 0;
    socklen_t size = sizeof failure;
    ::getsockopt(made.descriptor_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0) {
      last = {ErrorCode::unavailable, "nothing answers there (" + std::generic_category().message(failure) + ")", {}};
      continue;
    }
    const int yes = 1;
    ::setsockopt(made.descriptor_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return made;
  }
  return last;
}

Result<std::size_t> Socket::receive(char* to, std::size_t size, const Patience& patience) {
  while (true) {
    const auto got = ::recv(descriptor_.get(), to, size, 0);
    if (got >= 0) {
      // Data that never stops coming must not make us deaf.
      if (patience.is_cancelled()) return Error{ErrorCode::cancelled, "the transfer was cancelled", {}};
      return static_cast<std::size_t>(got);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return broken(errno);
    if (auto ready = wait_for(descriptor_.get(), POLLIN, patience); !ready) return ready.error();
  }
}

Result<void> Socket::send(std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return broken(errno);
    if (auto ready = wait_for(descriptor_.get(), POLLOUT, patience); !ready) return ready;
  }
  return {};
}

}  // namespace luthier::hub
