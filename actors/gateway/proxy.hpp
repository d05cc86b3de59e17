// Passes a request on to a serving process, and its answer back, piece by piece as it comes. When the client goes, so does
// the connection to the serving process: it stops generating.
#pragma once

#include <string>

#include "actors/gateway/http_server.hpp"

namespace luthier::gateway {

void pass_on(Exchange& exchange, const std::string& endpoint, const std::string& body);

}  // namespace luthier::gateway
