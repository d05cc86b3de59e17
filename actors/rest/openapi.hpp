// The routes as an OpenAPI 3.1 document.
#pragma once

#include <string_view>
#include <vector>

#include "actors/rest/route.hpp"

namespace luthier::rest {

Json openapi(const std::vector<RouteInfo>& routes, std::string_view title, std::string_view version);

}  // namespace luthier::rest
