// Signing requests to S3: with signature version 4, and with the older one that some stores still want.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/hub/exchange.hpp"
#include "actors/hub/url.hpp"

namespace luthier::hub {

struct AwsKey {
  std::string id, secret;
};

// For a GET of `url` without a body, whose target is encoded as S3 wants it and whose query is sorted by name. Adds what is signed and
// the signature to `headers`; others may be added afterwards. `unix_seconds` is now.
void sign_v4(const Url& url, const AwsKey& key, std::string_view region, std::int64_t unix_seconds, std::vector<Header>& headers);

// `resource` is "/BUCKET/KEY", encoded as it is sent, whatever the host is.
void sign_v2(std::string_view resource, const AwsKey& key, std::int64_t unix_seconds, std::vector<Header>& headers);

}  // namespace luthier::hub
