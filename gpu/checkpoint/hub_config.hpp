// config.json and generation_config.json of a Hugging Face directory: https://huggingface.co/docs/transformers/model_doc/llama
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/checkpoint/decoder.hpp"
#include "events/base/result.hpp"

namespace luthier::checkpoint {

// `name` is what errors call the file.
Result<Decoder> parse_hub_config(const nlohmann::json& config, const std::string& name);
// generation_config.json has the last word on the tokens that begin and end a text.
Result<void> apply_generation_config(const nlohmann::json& config, const std::string& name, Decoder& decoder);

// What transformers 4 and 5 both read. `dtype`: what the weights beside it are stored as.
nlohmann::ordered_json hub_config(const Decoder& decoder, const std::string& dtype = "float32");
nlohmann::ordered_json hub_generation_config(const Decoder& decoder);

}  // namespace luthier::checkpoint
