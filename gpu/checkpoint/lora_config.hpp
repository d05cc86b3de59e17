#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/checkpoint/adapter.hpp"

namespace luthier::checkpoint {

// adapter_config.json with all that PEFT and vLLM ask for.
nlohmann::ordered_json lora_config_json(const LoraConfig& config);

}  // namespace luthier::checkpoint
