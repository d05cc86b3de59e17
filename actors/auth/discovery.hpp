// The answer of GET /apis/auth/discovery, which everyone may ask: whether authentication is on, and where one logs in.
#pragma once

#include <optional>
#include <string>

#include "actors/auth/provider.hpp"
#include "actors/auth/settings.hpp"

namespace luthier::auth {

// `provider`: the issuer's description, when it is known; its endpoints are null otherwise.
std::string discovery_document(const Settings& settings, const std::optional<Provider>& provider);

}  // namespace luthier::auth
