// What sentence-transformers' files say beside the model of an embedding model: how it pools, and what it puts before a text.
#pragma once

#include <filesystem>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"

namespace luthier::checkpoint {

// 1_Pooling/config.json and config_sentence_transformers.json, where they are there.
Result<void> apply_pooling(const std::filesystem::path& directory, Decoder& decoder);

}  // namespace luthier::checkpoint
