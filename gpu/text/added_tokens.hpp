// Tokens that stand outside the model's vocabulary rules: they are cut out of the text before anything else sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gpu/text/normaliser.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  std::string shown;         // what it decodes to: as prepare() has normalised it, where it is `normalized`
  bool special = false;      // left out by decode(…, skip_special)
  bool normalized = false;   // looked for in the normalised text, not in the raw one
  bool left_strip = false;   // takes the white space in front of it with it
  bool right_strip = false;  // and behind it
  bool single_word = false;  // only where no word character touches it
};

// Finds many strings at once: leftmost first, then longest.
class TokenFinder {
 public:
  void add(std::string_view text, std::size_t index);
  struct Found {
    std::size_t begin, end, index;
  };
  // The next one at or behind `from`.
  std::optional<Found> find(std::string_view text, std::size_t from) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> children;
    std::int64_t index = -1;
  };
  const Node* child(const Node& node, unsigned char byte) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  bool starts_[256] = {};
};

class AddedTokens {
 public:
  // An added token with the content of an earlier one replaces it.
  void add(AddedToken token);
  // Call once, after the last add().
  Result<void> prepare(const Normaliser& normaliser);

  struct Section {
    std::size_t begin, end;   // of the text
    const AddedToken* token;  // null: ordinary text
  };
  // Cuts a text at the tokens that are (not) `normalized`.
  std::vector<Section> cut(std::string_view text, bool normalized) const;

  const AddedToken* find(std::string_view content) const;
  const AddedToken* find(TokenId id) const;
  const std::vector<AddedToken>& all() const { return tokens_; }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, std::size_t> by_content_;
  std::unordered_map<TokenId, std::size_t> by_id_;
  TokenFinder raw_, normalised_;
  bool any_raw_ = false, any_normalised_ = false;
};

}  // namespace luthier::text
