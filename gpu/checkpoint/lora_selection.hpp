// Which linear layers a LoRA configuration adapts, and with which rank and scale: PEFT's rules.
#pragma once

#include <vector>

#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/linear_layers.hpp"

namespace luthier::checkpoint {

struct SelectedLayer {
  LinearLayer layer;
  std::int64_t r;
  float scale;
  std::string parameter = "";  // of one expert of several that PEFT adapts together
  std::int64_t expert = 0, experts = 1;
};

// In the order of the network. An error's field is a member of LoraConfig: "r", "target_modules" …
// `is_strict`: every entry of target_modules must select something, not just one of them.
Result<std::vector<SelectedLayer>> select_layers(const LoraConfig& config, const Decoder& decoder, bool is_strict);

bool is_all_linear(const LoraConfig& config);

// What PEFT adapts where a configuration names nothing; empty: it refuses.
std::vector<std::string> default_targets(const Decoder& decoder);

}  // namespace luthier::checkpoint
