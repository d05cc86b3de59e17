// tokenizer.json's model "WordLevel": a word is a token, or unknown.
#pragma once

#include <string>

#include "gpu/text/token_model.hpp"

namespace luthier::text {

class WordLevel final : public TokenModel {
 public:
  WordLevel(Vocabulary vocabulary, std::string unknown)
      : TokenModel(std::move(vocabulary)), unknown_(std::move(unknown)), unknown_id_(this->vocabulary().id_of(unknown_)) {}

  [[nodiscard]] bool encode(std::string_view word, std::vector<Symbol>& out) const override;
  nlohmann::json json() const override;

 private:
  std::string unknown_;
  std::optional<TokenId> unknown_id_;
};

std::shared_ptr<const TokenModel> make_word_level(const ConfigReader& config);

}  // namespace luthier::text
