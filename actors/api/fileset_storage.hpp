// What a user may name as the storage of a fileset.
#pragma once

#include <optional>

#include "actors/api/routes.hpp"

namespace luthier::api {

// 400, with the reason: storage of the server's own, a host that the operator does not allow, a secret that is not there.
std::optional<rest::Answer> refuse_storage(const Context& context, const rest::Json& storage);

// Asks the store, for half a minute at most: `storage` then names the revision that it has now (a commit, a version) and keeps what was
// asked for beside it. What the fileset's details keep as "import" comes back; or the refusal: 502 where the store cannot be asked,
// 400 where it has said no, with what would help.
rest::Or<rest::Json> contact_store(const Context& context, rest::Json& storage, bool is_wanted);

}  // namespace luthier::api
