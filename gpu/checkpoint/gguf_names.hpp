// Under which names GGUF has the tensors of a Hugging Face checkpoint: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <string>

#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

struct GgufName {
  std::string name;                      // "blk.3.ffn_up.weight"
  std::int64_t experts = 0, expert = 0;  // of how many experts in that tensor this is which; 0: it is all of the tensor
  // Of experts that are stacked here too: a matrix lies turned there, [experts, out, in], and with the gate's name comes that of the
  // up projection, whose rows take turns with the gate's.
  bool is_stacked = false;
  std::string up{};
};

// `name` is one of weight_shapes: "model.layers.3.mlp.up_proj.weight".
GgufName gguf_tensor(const Decoder& decoder, const std::string& name);

}  // namespace luthier::checkpoint
