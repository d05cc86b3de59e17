// A tokenizer's metadata in a GGUF file, and what the kinds of vocabularies make of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gpu/checkpoint/gguf.hpp"
#include "gpu/text/token_model.hpp"

namespace luthier::text {

// ggml's numbers for the types of tokens.
inline constexpr std::int64_t unknown_token = 2, control_token = 3, user_defined_token = 4, byte_token = 6;

struct GgufVocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;  // as many as tokens
  std::vector<double> scores;       // as many as tokens; zeros where the file has none
};

// The parts of a tokenizer.json that says the same, and what is put around a text unless the file says otherwise.
struct GgufTokenizer {
  std::shared_ptr<const TokenModel> model{};
  nlohmann::json normalizer{}, pre_tokenizer{}, decoder{};
  bool adds_bos = false, adds_eos = false, adds_separator = false;
};

// By tokenizer.ggml.model: gpt2 (byte-level BPE, its words named by tokenizer.ggml.pre), llama (SentencePiece's BPE), bert
// (WordPiece) and t5 (SentencePiece's Unigram). Errors name the file and the key.
Result<GgufTokenizer> gguf_byte_level(const checkpoint::GgufFile& file, GgufVocabulary vocabulary);
Result<GgufTokenizer> gguf_sentencepiece(const checkpoint::GgufFile& file, GgufVocabulary vocabulary);
Result<GgufTokenizer> gguf_word_piece(const checkpoint::GgufFile& file, GgufVocabulary& vocabulary);  // writes the tokens as BERT does
Result<GgufTokenizer> gguf_unigram(const checkpoint::GgufFile& file, GgufVocabulary vocabulary);

// A member of the metadata as the type that it must have.
template <class T>
Result<T> gguf_list(const checkpoint::GgufFile& file, const std::string& key) {
  const auto at = file.metadata().find(key);
  if (at != file.metadata().end())
    if (const T* value = std::get_if<T>(&at->second)) return *value;
  return invalid(file.path().string() + ": " + key + ": is missing or not the list that it should be", key);
}
Result<bool> gguf_flag(const checkpoint::GgufFile& file, const std::string& key, bool otherwise);
// The id of the token for what is unknown: the file's, that of the first token of this type, or the one given.
Result<TokenId> gguf_unknown_id(const checkpoint::GgufFile& file, const GgufVocabulary& vocabulary, TokenId otherwise);

std::vector<Vocabulary::Entry> gguf_entries(const GgufVocabulary& vocabulary);

// A mistake in the vocabulary, with the file's name.
Error gguf_error(const checkpoint::GgufFile& file, const Error& error);

}  // namespace luthier::text
