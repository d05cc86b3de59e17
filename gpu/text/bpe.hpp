// Byte-pair encoding of one word: its characters are merged pair by pair, the pair with the lowest rank first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/text/token_model.hpp"

namespace luthier::text {

struct BpeOptions {
  std::optional<std::string> unknown;  // the token for characters that the vocabulary lacks; none: they vanish
  std::string subword_prefix;          // put in front of every character but a word's first
  std::string word_suffix;             // put behind a word's last character
  bool fuse_unknown = false;           // neighbouring unknown characters become one token
  bool byte_fallback = false;          // unknown characters become <0x..> tokens, if there are
  bool ignore_merges = false;          // a word that is a token needs no merges
};

struct Merge {
  std::string_view left, right;  // token texts
};

class Bpe final : public TokenModel {
 public:
  // `merges` in order of rank. Errors name what is missing.
  static Result<std::shared_ptr<const Bpe>> make(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options);

  // In n log n time.
  [[nodiscard]] bool encode(std::string_view word, std::vector<Symbol>& out) const override;
  nlohmann::json json() const override;

 private:
  using TokenModel::TokenModel;
  struct Target {
    std::uint32_t rank;
    TokenId id;
  };
  struct Linked {
    TokenId id;
    std::int32_t previous, next;
    std::uint32_t bytes;  // 0: merged into its left neighbour
  };

  const Target* merge_of(TokenId left, TokenId right) const;
  Result<void> learn_merges(const std::vector<Merge>& merges);
  void learn_characters();
  bool start_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  bool push_bytes(std::string_view character, std::vector<Symbol>& symbols) const;
  void merge_short(std::vector<Symbol>& symbols, std::size_t from) const;
  void merge_long(std::vector<Symbol>& symbols, std::size_t from) const;

  BpeOptions options_;

  struct Slot {
    std::uint64_t pair;
    Target target;
  };
  std::vector<Slot> slots_;  // open addressing; the size is a power of two
  std::vector<std::pair<TokenId, TokenId>> pairs_;  // by rank
  std::vector<TokenId> characters_;  // of one-character tokens below U+3000, -1 where there is none
  std::optional<TokenId> unknown_;
  std::vector<TokenId> byte_tokens_;  // of byte fallback, -1 where there is none
};

// Of tokenizer.json's model "BPE".
std::shared_ptr<const TokenModel> make_bpe(const ConfigReader& config);

}  // namespace luthier::text
