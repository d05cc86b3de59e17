#include "gpu/text/vocabulary.hpp"

#include <algorithm>
#include <cstdio>

#include "gpu/text/utf8.hpp"

namespace luthier::text {

std::string in_quotes(std::string_view token) { return "\"" + std::string(token.substr(0, 80)) + "\""; }

Result<Vocabulary> Vocabulary::make(std::vector<Entry> entries, Repeated repeated) {
  Vocabulary made;
  made.entries_ = std::make_unique<const std::vector<Entry>>(std::move(entries));
  std::int64_t highest = -1;
  for (const auto& [token, id] : *made.entries_) {
    if (id < 0 || id > token_id_max)
      return invalid("vocab: the token " + in_quotes(token) + " has the id " + std::to_string(id) + "; ids from 0 to " +
                     std::to_string(token_id_max) + " work");
    if (first_invalid_utf8(token)) return invalid("vocab: the token with the id " + std::to_string(id) + " is not UTF-8");
    highest = std::max(highest, id);
  }
  made.tokens_.resize(static_cast<std::size_t>(highest + 1));
  made.ids_.reserve(made.entries_->size());
  for (const auto& [token, id] : *made.entries_) {
    const auto [known, is_new] = made.ids_.try_emplace(token, static_cast<TokenId>(id));
    if (!is_new && repeated == Repeated::refused) return invalid("vocab: has the token " + in_quotes(token) + " twice");
    known->second = static_cast<TokenId>(id);
    auto& place = made.tokens_[static_cast<std::size_t>(id)];
    if (place.data() != nullptr)
      return invalid("vocab: the tokens " + in_quotes(place) + " and " + in_quotes(token) + " have the same id, " + std::to_string(id));
    place = token;
  }
  return made;
}

std::optional<TokenId> Vocabulary::id_of(std::string_view token) const {
  const auto at = ids_.find(token);
  return at == ids_.end() ? std::nullopt : std::optional(at->second);
}

std::optional<std::string_view> Vocabulary::token_of(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size()) return std::nullopt;
  const auto token = tokens_[static_cast<std::size_t>(id)];
  return token.data() == nullptr ? std::nullopt : std::optional(token);
}

std::vector<TokenId> Vocabulary::byte_tokens() const {
  std::vector<TokenId> ids(256, -1);
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    ids[byte] = id_of(name).value_or(-1);
  }
  return ids;
}

}  // namespace luthier::text
