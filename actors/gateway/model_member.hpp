// The member `model` of a request's body: where it stands, without building the rest. The body is passed on as it came,
// with this one member replaced.
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::gateway {

struct ModelMember {
  std::string value;
  std::size_t begin = 0, end = 0;  // of the JSON string, with its quotes
};

// invalid: not an object, no such member, not a string, or there twice (the serving process might take the other one).
Result<ModelMember> find_model(std::string_view body);
std::string with_model(std::string_view body, const ModelMember& member, const std::string& model);

}  // namespace luthier::gateway
