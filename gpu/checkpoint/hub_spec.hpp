// The numbers that the platform's contract shows of a model, from its config.json alone and whatever its family is: also of those that
// the engine cannot run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// `name` stands for an architecture that config.json does not name, and in errors for the file.
Result<nlohmann::ordered_json> hub_spec(const nlohmann::json& config, const std::string& name);

}  // namespace luthier::checkpoint
