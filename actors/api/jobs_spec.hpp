// What a client asks to be run: checked, and completed with all defaults, as the answers show it. Pure.
#pragma once

#include <string>
#include <vector>

#include "actors/rest/json.hpp"
#include "actors/rest/schema.hpp"

namespace luthier::api {

rest::Schema platform_job_schema();  // the body of a POST

// The platform_spec with its defaults. A step in a container whose commands are known becomes a process of the host, which has no
// containers. 422 with a sentence for a profile that does not exist.
rest::Or<rest::Json> resolved_platform_spec(const rest::Json& platform_spec);

// The secrets that the steps' environments name, as "name" or "workspace/name".
std::vector<std::string> secrets_of(const rest::Json& platform_spec);

// "<source cut to 20>-<8 characters>": a name, whatever the source is. `random` has at least 8 bytes.
std::string generated_job_name(const std::string& source, const std::string& random);

}  // namespace luthier::api
