// How a word, as the pre-tokenizer cut it, becomes tokens: what tokenizer.json calls its model.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "gpu/text/config_reader.hpp"
#include "gpu/text/vocabulary.hpp"

namespace luthier::text {

struct Symbol {
  TokenId id;
  std::uint32_t bytes;  // of the word that it covers
};

// Immutable and shared between threads.
class TokenModel {
 public:
  explicit TokenModel(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  virtual ~TokenModel() = default;

  // Appends the tokens of a word. False: the word has something unknown in it, and the vocabulary lacks a token for that.
  [[nodiscard]] virtual bool encode(std::string_view word, std::vector<Symbol>& out) const = 0;
  // The member "model" of a tokenizer.json that says the same.
  virtual nlohmann::json json() const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

// Null after a mistake in `config`, the member "model".
std::shared_ptr<const TokenModel> make_token_model(const ConfigReader& config);

}  // namespace luthier::text
