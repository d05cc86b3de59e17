// Whether a user's document is a JSON Schema (2020-12, and what is left of earlier drafts): the keywords have values of their kinds, at
// any depth. References are not followed, and keywords that nobody knows are left alone, as the standard has it.
#pragma once

#include <optional>
#include <string>

#include "actors/rest/json.hpp"

namespace luthier::api {

// What is wrong, naming the place and the value; nothing: it is one.
std::optional<std::string> problem_of_schema(const rest::Json& schema);

}  // namespace luthier::api
