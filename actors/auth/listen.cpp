#include "actors/auth/listen.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <string>

namespace luthier::auth {

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.find('\0') != std::string_view::npos) return false;
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<void> check_listen(std::string_view host, bool auth_enabled, bool allow_open) {
  if (auth_enabled || allow_open || is_loopback(host)) return {};
  return invalid("listen: '" + std::string(host) +
                     "' can be reached from other machines, and authentication is off: anyone there could do anything. Turn authentication on (--auth), "
                     "listen on 127.0.0.1, or allow an open server explicitly (--allow-open)",
                 "listen");
}

}  // namespace luthier::auth
