// The few URLs that an installation's authentication names.
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::auth {

struct Url {
  std::string origin;  // "https://login.example.com:8443"
  std::string host;    // "login.example.com", "::1"
  std::string target;  // "/realms/lab?x=1", at least "/"
  bool is_secure = false;
};

// http or https; no user, no fragment, at most 2048 bytes.
Result<Url> parse_url(std::string_view text, std::string_view field);

// The same, and refuses plain http beyond the loopback unless that is allowed: keys that come unprotected let anyone in.
Result<Url> parse_trusted_url(std::string_view text, std::string_view field, bool allows_plain_http);

}  // namespace luthier::auth
