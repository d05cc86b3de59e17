#pragma once

#include <cstdint>

namespace luthier::checkpoint {

constexpr std::int64_t lora_rank_max = 4096;
constexpr double lora_alpha_max = 1e9;

}  // namespace luthier::checkpoint
