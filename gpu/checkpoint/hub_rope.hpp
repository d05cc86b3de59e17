#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/json_file.hpp"

namespace luthier::checkpoint {

// Sets rope, local_rope and rotary_dim, from either spelling of config.json: rope_theta with rope_scaling (transformers 4), and
// rope_parameters (5).
Result<void> read_hub_rope(Members& config, const HubFamily& family, Decoder& decoder);

// Where config.json has only the new spelling, adds the old one, for readers that are older.
void add_old_spelling(const Decoder& decoder, nlohmann::json& config);

// Sets rope_theta, rope_scaling and rope_parameters.
void write_hub_rope(const Rope& rope, nlohmann::ordered_json& config);

}  // namespace luthier::checkpoint
