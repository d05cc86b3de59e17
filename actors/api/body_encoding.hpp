// Bodies come as they are: nothing is unpacked here, so that a small body cannot become a large one.
#pragma once

#include <optional>

#include "actors/gateway/http_head.hpp"
#include "actors/rest/answer.hpp"

namespace luthier::api {

// 415 for a request that says its body is compressed; nothing: it is not.
std::optional<rest::Answer> refuse_compressed(const gateway::HttpHeaders& headers);

}  // namespace luthier::api
