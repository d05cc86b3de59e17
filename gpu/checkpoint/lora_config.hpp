#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/checkpoint/adapter.hpp"

namespace luthier::checkpoint {

// adapter_config.json with all that PEFT and vLLM ask for. "all-linear" is written as the names of the modules, because some readers know
// lists only.
nlohmann::ordered_json lora_config_json(const LoraConfig& config, const std::vector<LoraModule>& modules);

}  // namespace luthier::checkpoint
