// Tokens and their ids, both ways.
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

class Vocabulary {
 public:
  struct Entry {
    std::string token;
    std::int64_t id;
  };
  // What becomes of a token that is there twice: a mistake, or the text means the later one, as in lists of pieces and scores.
  enum class Repeated { refused, later_counts };
  static Result<Vocabulary> make(std::vector<Entry> entries, Repeated repeated = Repeated::refused);

  std::optional<TokenId> id_of(std::string_view token) const;
  std::optional<std::string_view> token_of(TokenId id) const;
  std::int64_t id_end() const { return static_cast<std::int64_t>(tokens_.size()); }
  const std::vector<Entry>& entries() const { return *entries_; }
  std::vector<TokenId> byte_tokens() const;  // the ids of <0x00> to <0xFF>, -1 where there is none

 private:
  // Behind a pointer, so that the views into it survive a move.
  std::unique_ptr<const std::vector<Entry>> entries_;
  std::vector<std::string_view> tokens_;  // by id; no data: there is no such id
  std::unordered_map<std::string_view, TokenId> ids_;
};

std::string in_quotes(std::string_view token);  // for messages; of a long one the beginning

}  // namespace luthier::text
