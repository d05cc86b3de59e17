// The ways of fine-tuning that the platform's contract knows by name. What the engine can do is another question.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace luthier::events {

inline constexpr std::array<std::string_view, 25> finetuning_types{
    "lora_merged", "all_weights", "last_layer", "top_layers", "gradual_unfreezing", "bias_only", "attention_only", "lora", "qlora",
    "adalora", "dora", "lora_plus", "prompt_tuning", "prefix_tuning", "p_tuning", "p_tuning_v2", "soft_prompt", "ppo", "dpo", "cdpo",
    "ipo", "orpo", "kto", "rrhf", "grpo"};

inline bool is_finetuning_type(std::string_view text) {
  return std::find(finetuning_types.begin(), finetuning_types.end(), text) != finetuning_types.end();
}

}  // namespace luthier::events
