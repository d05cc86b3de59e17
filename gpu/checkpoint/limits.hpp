// Bounds of a decoder's numbers: far above any published model, and small enough that no product of them overflows.
#pragma once

#include <optional>
#include <string>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

constexpr std::int64_t layers_max = 1000, hidden_size_max = 1 << 20, intermediate_size_max = 1 << 22,
                       heads_max = 1 << 16, head_dim_max = 1 << 12, vocab_size_max = 1 << 24,
                       experts_max = 1 << 16, position_max = std::int64_t{1} << 40;
// Of one model: what has more is not a model, and its description alone would fill memory.
constexpr std::int64_t tensors_max = 1 << 18, layer_values_max = std::int64_t{1} << 46;

// What does not fit together among numbers that are in their bounds each.
struct Misfit {
  std::string member, why;
};
std::optional<Misfit> find_misfit(const Decoder& decoder);

}  // namespace luthier::checkpoint
