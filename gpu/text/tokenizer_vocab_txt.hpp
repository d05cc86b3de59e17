// A BERT directory from before tokenizer.json: vocab.txt has one token a line, and tokenizer_config.json says how text is cleaned.
#pragma once

#include <filesystem>
#include <string>

#include "events/base/result.hpp"

namespace luthier::text {

// The tokenizer.json that says the same; `config` is the content of tokenizer_config.json, or empty.
Result<std::string> tokenizer_of_vocab_txt(const std::filesystem::path& file, const std::string& vocab, const std::string& config);

}  // namespace luthier::text
