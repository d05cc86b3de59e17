// From the headers of a request to the principal that sends it. Safe to call from many threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "actors/auth/jwks_cache.hpp"
#include "actors/auth/principal.hpp"
#include "actors/auth/settings.hpp"
#include "actors/auth/tokens.hpp"

namespace luthier::auth {

struct Refusal {
  enum class Kind {
    malformed,        // 400: a principal header
    unauthenticated,  // 401: no token, or one that is not good
    forbidden,        // 403: speaks for somebody else without being allowed to
    unavailable,      // 503: the token file or the issuer's keys cannot be read now
  };
  Kind kind = Kind::unauthenticated;
  std::string message;  // for the client; never repeats a token
  std::string detail;   // of unavailable, for the log: which file or server, and why

  int http_status() const;
  std::string www_authenticate() const;  // the header of a 401; empty for the others
};

using Authenticated = std::variant<Principal, Refusal>;

// All values of a header, in their order; its name in any case. Two of one that should be there once are refused.
using HeaderLookup = std::function<std::vector<std::string>(std::string_view name)>;

// `tokens` and `keys` may be null: then no such token is taken. With authentication off neither is asked, and every Authorization header
// is as good as none.
Authenticated authenticate(const Settings& settings, const HeaderLookup& headers, TokenStore* tokens, JwksCache* keys, Timestamp now);

}  // namespace luthier::auth
