// How an OIDC issuer describes itself (OpenID Connect Discovery 1.0).
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::auth {

struct Provider {
  std::string jwks_uri;
  // For clients that log in; empty: not offered.
  std::string authorization_endpoint, token_endpoint, device_authorization_endpoint, userinfo_endpoint;
};

std::string description_url(std::string_view issuer);  // …/.well-known/openid-configuration
// Refuses a description of another issuer: its keys would be taken for this one's.
Result<Provider> parse_provider(std::string_view json, std::string_view issuer);

}  // namespace luthier::auth
