// What a tokenizer is made of, however it was stored.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpu/text/added_tokens.hpp"
#include "gpu/text/normaliser.hpp"
#include "gpu/text/post_processor.hpp"
#include "gpu/text/pre_tokenizer.hpp"
#include "gpu/text/token_decoder.hpp"
#include "gpu/text/token_model.hpp"

namespace luthier::text {

using FileContents = std::vector<std::pair<std::string, std::string>>;  // name below the directory, content

struct TokenizerParts {
  AddedTokens added;
  Normaliser normaliser;       // may be empty
  PreTokenizer pre_tokenizer;  // may be empty
  bool heeds_start = false;    // it treats the text's first word differently, if the normaliser has left it there
  std::shared_ptr<const TokenModel> model;
  PostProcessor post_processor;
  TokenDecoder decoder;
  std::map<std::string, std::string> special;    // "bos_token" … to the token's text
  std::map<std::string, std::string> templates;  // by name; "default" is the usual one

  FileContents files;    // of a directory: what it was loaded from
  std::string pipeline;  // of a GGUF file: normalizer, pre_tokenizer, post_processor and decoder as tokenizer.json has them

  const Vocabulary& vocabulary() const { return model->vocabulary(); }
  std::optional<TokenId> id_of(std::string_view token) const;
};

Result<TokenizerParts> load_tokenizer_directory(const std::filesystem::path& directory);
Result<TokenizerParts> load_tokenizer_gguf(const std::filesystem::path& file);
// The tokenizer.json and tokenizer_config.json of a tokenizer that came from a GGUF file.
FileContents export_tokenizer(const TokenizerParts& parts);

// The members normalizer, pre_tokenizer, post_processor and decoder.
void read_pipeline(const ConfigReader& config, TokenizerParts& parts);

}  // namespace luthier::text
