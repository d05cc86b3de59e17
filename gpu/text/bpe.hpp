// Byte-pair encoding of one word: its characters are merged pair by pair, the pair with the lowest rank first.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

inline constexpr std::int64_t token_id_max = (1 << 22) - 1;  // tables are indexed by id: a huge one must not cost gigabytes

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

class Bpe {
 public:
  struct Entry {
    std::string token;
    std::int64_t id;
  };
  // `merges` in order of rank. Errors name what is missing.
  static Result<Bpe> make(std::vector<Entry> vocabulary, const std::vector<Merge>& merges, BpeOptions options);

  struct Symbol {
    TokenId id;
    std::uint32_t bytes;  // of the word that it covers
  };
  // Appends the tokens of a word, in n log n time. False: the word has an unknown character, and the token that
  // `options.unknown` names does not exist.
  [[nodiscard]] bool encode(std::string_view word, std::vector<Symbol>& out) const;

  std::optional<TokenId> id_of(std::string_view token) const;
  std::optional<std::string_view> token_of(TokenId id) const;
  std::int64_t id_end() const { return static_cast<std::int64_t>(tokens_.size()); }
  const BpeOptions& options() const { return options_; }
  std::vector<Merge> merges() const;  // as given to make(), for saving

 private:
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
  Result<void> learn_tokens(std::vector<Entry> vocabulary);
  Result<void> learn_merges(const std::vector<Merge>& merges);
  void learn_characters();
  bool start_symbols(std::string_view word, std::vector<Symbol>& symbols) const;
  bool push_bytes(std::string_view character, std::vector<Symbol>& symbols) const;
  void merge_short(std::vector<Symbol>& symbols, std::size_t from) const;
  void merge_long(std::vector<Symbol>& symbols, std::size_t from) const;

  BpeOptions options_;
  // Behind a pointer, so that the views into it survive a move.
  std::unique_ptr<const std::vector<Entry>> entries_;
  std::vector<std::string_view> tokens_;  // by id; no data: there is no such id
  std::unordered_map<std::string_view, TokenId> ids_;

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

}  // namespace luthier::text
