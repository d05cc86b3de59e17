// Which proxy, if any, stands between us and a host.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/hub/hub.hpp"
#include "actors/hub/url.hpp"

namespace luthier::hub {

struct Proxy {
  std::string host;
  int port = 0;
  std::string authorization;  // the value of Proxy-Authorization; empty: none

  std::string name() const { return host + ":" + std::to_string(port); }  // for messages: never with a password
};

// nullopt: none. invalid names the variable.
Result<std::optional<Proxy>> proxy_for(const Url& url, const Proxies& proxies);

bool is_excepted(std::string_view no_proxy, const Url& url);

}  // namespace luthier::hub
