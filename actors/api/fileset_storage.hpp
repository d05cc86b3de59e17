// What a user may name as the storage of a fileset.
#pragma once

#include <optional>

#include "actors/api/routes.hpp"

namespace luthier::api {

// 400, with the reason: storage of the server's own, a host that the operator does not allow, a secret that is not there.
std::optional<rest::Answer> refuse_storage(const Context& context, const rest::Json& storage);

}  // namespace luthier::api
