// What the platform stores and shows of a model: the "spec" of a model entity.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "events/base/result.hpp"

namespace luthier::checkpoint {

// Reads the description only, no weights, from a directory (which must have weights and a tokenizer) or a .gguf file. The members that
// NeMo's contract names come first; those that only we have follow: head_dim, rope, rms_norm_eps, format, weight_bytes_f32 and the token
// ids; and moe_config, sliding_window_config and pooling where there is one. A family that the engine does not have is described by its
// config.json, with the member `unsupported` saying why it cannot be used.
Result<nlohmann::ordered_json> describe_model(const std::filesystem::path& path);

}  // namespace luthier::checkpoint
