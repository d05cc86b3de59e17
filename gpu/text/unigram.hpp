// tokenizer.json's model "Unigram", of SentencePiece's unigram models (T5, XLM-R …): of all ways to cut a word the one whose tokens'
// scores have the largest sum.
#pragma once

#include "gpu/text/token_model.hpp"
#include "gpu/text/token_trie.hpp"

namespace luthier::text {

struct UnigramPiece {
  std::string token;
  double score;
};

struct UnigramOptions {
  std::optional<TokenId> unknown;  // for characters that no token starts with; none: they are a mistake
  bool byte_fallback = false;      // unknown characters become <0x..> tokens, if there are all that they need
};

class Unigram final : public TokenModel {
 public:
  // A piece's place is its id.
  static Result<std::shared_ptr<const Unigram>> make(std::vector<UnigramPiece> pieces, UnigramOptions options);

  // In time and memory that grow with the word's length alone, tokens having a longest one.
  [[nodiscard]] bool encode(std::string_view word, std::vector<Symbol>& out) const override;
  nlohmann::json json() const override;

 private:
  // The best way to a place in the word.
  struct Node {
    double score = 0;
    TokenId id = -1;
    std::uint32_t length = 0;  // of the last token; 0: no way leads here
  };
  class Run;

  Unigram(Vocabulary vocabulary, std::vector<double> scores, UnigramOptions options);

  std::vector<double> scores_;  // by id
  UnigramOptions options_;
  double unknown_score_;
  TokenTrie trie_;
  std::vector<TokenId> byte_tokens_;
};

std::shared_ptr<const TokenModel> make_unigram(const ConfigReader& config);

}  // namespace luthier::text
