#pragma once

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/gguf.hpp"

namespace luthier::checkpoint {

// How a GGUF file says that positions are rotated: rope.* behind the family's prefix ("llama.") and the tensors rope_freqs.weight or
// rope_factors_long.weight and rope_factors_short.weight. `rotary_dim` of a head's dimensions are rotated.
Result<Rope> read_gguf_rope(const GgufFile& file, const std::string& family_prefix, std::int64_t rotary_dim);

}  // namespace luthier::checkpoint
