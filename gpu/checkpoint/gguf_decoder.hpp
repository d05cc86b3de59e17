// A model in a GGUF file: its description, and its tensors under Hugging Face's names and in Hugging Face's row order.
#pragma once

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/gguf.hpp"

namespace luthier::checkpoint {

// Also checks that every tensor is there, has the right shape, and that there is none that we would leave out.
Result<Decoder> read_gguf_decoder(const GgufFile& file);
Result<void> read_gguf_weights(const GgufFile& file, const Decoder& decoder, Weights& weights);

}  // namespace luthier::checkpoint
