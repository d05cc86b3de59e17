// Addresses: http and https alone.
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::hub {

struct Url {
  std::string scheme;  // "http", "https"
  std::string host;    // lower case; an IPv6 address without its brackets
  int port = 0;
  std::string target = "/";  // path and query, as they are sent

  bool is_tls() const { return scheme == "https"; }
  std::string authority() const;  // "host", "host:8080", "[::1]:8080": without the port that the scheme implies
  std::string origin() const { return scheme + "://" + authority(); }
  bool has_origin_of(const Url& other) const { return scheme == other.scheme && host == other.host && port == other.port; }
};

// Refuses a user name in it (it would end up in messages and logs). `field` is what the error names.
Result<Url> parse_url(std::string_view text, std::string field);

// Where a Location or Link header leads, absolute or relative to `base`. Bytes that no URL has are encoded.
Result<Url> resolve(const Url& base, std::string_view reference);

// `base` is an endpoint, with or without a path of its own: what is below it.
Url below(Url base, std::string_view path_and_query);

// All but letters, digits, "-._~" and `plain` becomes %XX.
std::string percent_encoded(std::string_view text, std::string_view plain = {});
// %XX to bytes; what is no code stays.
std::string percent_decoded(std::string_view text);

}  // namespace luthier::hub
