// Tokens of an OIDC issuer: compact JWS (RFC 7515, 7519) with RS256 or ES256 and nothing else. No message ever repeats a part of a token.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/auth/key_set.hpp"
#include "events/base/ids.hpp"

namespace luthier::auth {

struct Claims {
  std::string subject, email;
  bool email_is_verified = false;
  std::vector<std::string> groups, scopes;
  Timestamp expires_at = 0;
};

struct JwtRules {
  std::string issuer;
  std::vector<std::string> audiences;  // one of them must be among the token's
  std::string groups_claim = "groups";
};

// invalid: there is no such key. unavailable: nobody can say now.
using KeyFinder = std::function<Result<KeyPointer>(const std::string& id, Algorithm algorithm)>;

// invalid: the token is not good, whatever the reason; the message says which. unavailable: from the finder.
Result<Claims> verify_jwt(std::string_view token, const JwtRules& rules, const KeyFinder& find_key, Timestamp now);

}  // namespace luthier::auth
