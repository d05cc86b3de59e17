// The families besides llama that are read from GGUF. Their metadata is put into the words of config.json, so that it means what it
// means there and a model that is trained further can be published.
#pragma once

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/gguf.hpp"

namespace luthier::checkpoint {

// `family` is general.architecture.
Result<Decoder> read_gguf_family(const GgufFile& file, const std::string& family);

}  // namespace luthier::checkpoint
