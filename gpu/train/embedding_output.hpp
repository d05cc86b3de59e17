// What the result of training an embedding model needs beside weights, so that PEFT and sentence-transformers make the same vectors of it.
#pragma once

#include <filesystem>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"

namespace luthier::train {

// An adapter: adapter_config.json says FEATURE_EXTRACTION. PEFT would take a base without generation for a fault otherwise.
Result<void> complete_embedding_adapter(const std::filesystem::path& directory);

// A model: how it pools and which prefixes it was trained with, in modules.json, 1_Pooling and config_sentence_transformers.json.
Result<void> complete_embedding_model(const std::filesystem::path& directory, const checkpoint::Decoder& decoder);

}  // namespace luthier::train
