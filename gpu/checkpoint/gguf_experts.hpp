// Experts that are stacked here as GPT-OSS publishes them, [experts, in, out] with gate and up taking turns, from GGUF's [experts, out, in] of
// gate and of up.
#pragma once

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/gguf.hpp"
#include "gpu/checkpoint/gguf_names.hpp"

namespace luthier::checkpoint {

// What the tensor must be in the file for `shape` here.
std::vector<std::int64_t> gguf_stacked_shape(const GgufName& stored, const std::vector<std::int64_t>& shape);

// `up`: nullptr but for gate and up, which then are of one type where they are copied.
Result<void> read_stacked_experts(const GgufTensor& tensor, const GgufTensor* up, const Tensor& into);

}  // namespace luthier::checkpoint
