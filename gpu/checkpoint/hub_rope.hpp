#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/json_file.hpp"

namespace luthier::checkpoint {

// The two spellings of config.json: rope_theta with rope_scaling (transformers 4), and rope_parameters (5).
Result<Rope> parse_hub_rope(Members& config, const Decoder& decoder);

// Sets rope_theta, rope_scaling and rope_parameters.
void write_hub_rope(const Rope& rope, nlohmann::ordered_json& config);

}  // namespace luthier::checkpoint
