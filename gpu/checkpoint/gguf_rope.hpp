#pragma once

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/gguf.hpp"

namespace luthier::checkpoint {

// How a GGUF file says that positions are rotated: rope.* behind the family's prefix ("llama.") and the tensor rope_freqs.weight.
Result<Rope> read_gguf_rope(const GgufFile& file, const std::string& family_prefix, std::int64_t head_dim);

}  // namespace luthier::checkpoint
