// Deployments as the contract shows them.
#pragma once

#include <vector>

#include "actors/rest/json.hpp"

namespace luthier::api {

rest::Json render_deployment(const rest::Json& row);
// Versions that others have replaced, newest first, without those that a client has deleted.
std::vector<rest::Json> earlier_versions(const rest::Json& row);

}  // namespace luthier::api
