#include "actors/api/body_encoding.hpp"

namespace luthier::api {

std::optional<rest::Answer> refuse_compressed(const gateway::HttpHeaders& headers) {
  for (const auto& [name, value] : headers.all())
    if (gateway::equals_ignoring_case(name, "Content-Encoding") && !value.empty() && !gateway::equals_ignoring_case(value, "identity"))
      return rest::detail(415, "the body must not be compressed; its Content-Encoding is " + value.substr(0, 100));
  return std::nullopt;
}

}  // namespace luthier::api
