// tokenizer.json's model "WordPiece", of BERT and its kin: from left to right the longest token that fits; a word that cannot be
// cut so is one unknown token.
#pragma once

#include <string>

#include "gpu/text/token_model.hpp"
#include "gpu/text/token_trie.hpp"

namespace luthier::text {

struct WordPieceOptions {
  std::string unknown = "[UNK]";
  std::string subword_prefix = "##";   // of every token but a word's first
  std::int64_t characters_max = 100;  // a longer word is unknown
};

class WordPiece final : public TokenModel {
 public:
  static Result<std::shared_ptr<const WordPiece>> make(Vocabulary vocabulary, WordPieceOptions options);

  [[nodiscard]] bool encode(std::string_view word, std::vector<Symbol>& out) const override;
  nlohmann::json json() const override;

 private:
  WordPiece(Vocabulary vocabulary, WordPieceOptions options);
  bool cut(std::string_view word, std::vector<Symbol>& out) const;

  WordPieceOptions options_;
  std::optional<TokenId> unknown_id_;
  TokenTrie trie_;
  std::uint32_t inner_;  // the trie's node behind `subword_prefix`
};

std::shared_ptr<const TokenModel> make_word_piece(const ConfigReader& config);

}  // namespace luthier::text
