#include "gpu/text/bpe.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <queue>

#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

constexpr std::uint64_t no_pair = ~std::uint64_t{0};
constexpr std::size_t short_word = 48;  // up to here looking at all pairs is faster than a heap

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t scatter(std::uint64_t key) {
  key ^= key >> 32;
  key *= 0x9E3779B97F4A7C15u;
  return key ^ key >> 29;
}

}  // namespace

Result<std::shared_ptr<const Bpe>> Bpe::make(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options) {
  auto bpe = std::shared_ptr<Bpe>(new Bpe(std::move(vocabulary)));
  bpe->options_ = std::move(options);
  if (auto learned = bpe->learn_merges(merges); !learned) return learned.error();
  if (const auto& unknown = bpe->options_.unknown) bpe->unknown_ = bpe->vocabulary().id_of(*unknown);
  bpe->learn_characters();
  return std::shared_ptr<const Bpe>(std::move(bpe));
}

Result<void> Bpe::learn_merges(const std::vector<Merge>& merges) {
  std::size_t size = 16;
  while (size < merges.size() * 2) size *= 2;
  slots_.assign(size, {no_pair, {}});
  pairs_.reserve(merges.size());
  std::string merged;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto missing = [&](std::string_view token) {
      return invalid("merges[" + std::to_string(rank) + "]: the vocabulary has no token " + in_quotes(token));
    };
    const auto left_id = vocabulary().id_of(left), right_id = vocabulary().id_of(right);
    if (!left_id) return missing(left);
    if (!right_id) return missing(right);
    merged = left;
    merged += right.substr(std::min(options_.subword_prefix.size(), right.size()));
    const auto id = vocabulary().id_of(merged);
    if (!id) return missing(merged);
    const auto key = pair_key(*left_id, *right_id);
    auto slot = scatter(key) & (size - 1);
    while (slots_[slot].pair != no_pair && slots_[slot].pair != key) slot = (slot + 1) & (size - 1);
    slots_[slot] = {key, {static_cast<std::uint32_t>(rank), *id}};  // of two equal merges the later one counts
    pairs_.emplace_back(*left_id, *right_id);
  }
  return {};
}

void Bpe::learn_characters() {
  characters_.assign(0x3000, -1);
  for (const auto& [token, id] : vocabulary().entries()) {
    if (token.empty() || token.size() > 4 || first_invalid_utf8(token)) continue;
    const auto [value, bytes] = code_point_at(token, 0);
    if (bytes == token.size() && value < characters_.size()) characters_[value] = static_cast<TokenId>(id);
  }
  byte_tokens_ = vocabulary().byte_tokens();
}

nlohmann::json Bpe::json() const {
  nlohmann::json vocab = nlohmann::json::object(), merges = nlohmann::json::array();
  for (const auto& [token, id] : vocabulary().entries()) vocab[token] = id;
  for (const auto& [left, right] : pairs_) merges.push_back({*vocabulary().token_of(left), *vocabulary().token_of(right)});
  const auto or_null = [](const std::string& text) { return text.empty() ? nlohmann::json() : nlohmann::json(text); };
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", or_null(options_.unknown.value_or(""))},
          {"continuing_subword_prefix", or_null(options_.subword_prefix)},
          {"end_of_word_suffix", or_null(options_.word_suffix)},
          {"fuse_unk", options_.fuse_unknown},
          {"byte_fallback", options_.byte_fallback},
          {"ignore_merges", options_.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

const Bpe::Target* Bpe::merge_of(TokenId left, TokenId right) const {
  const auto key = pair_key(left, right);
  for (auto slot = scatter(key) & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].pair == key) return &slots_[slot].target;
    if (slots_[slot].pair == no_pair) return nullptr;
  }
}

bool Bpe::push_bytes(std::string_view character, std::vector<Symbol>& symbols) const {
  for (const char c : character)
    if (byte_tokens_[static_cast<unsigned char>(c)] < 0) return false;
  for (const char c : character) symbols.push_back({byte_tokens_[static_cast<unsigned char>(c)], 1});
  return true;
}

bool Bpe::start_symbols(std::string_view word, std::vector<Symbol>& symbols) const {
  const bool plain = options_.subword_prefix.empty() && options_.word_suffix.empty();
  std::uint32_t unknown_bytes = 0;
  const auto flush = [&] {
    if (unknown_bytes > 0) symbols.push_back({*unknown_, unknown_bytes});
    unknown_bytes = 0;
  };
  std::string dressed;
  for (std::size_t at = 0; at < word.size();) {
    const auto [value, length] = code_point_at(word, at);
    const auto bytes = static_cast<std::uint32_t>(length);
    auto character = word.substr(at, length);
    std::optional<TokenId> id;
    if (plain && value < characters_.size()) {
      if (characters_[value] >= 0) id = characters_[value];
    } else {
      dressed = at > 0 ? options_.subword_prefix : std::string();
      dressed += character;
      if (at + length == word.size()) dressed += options_.word_suffix;
      character = dressed;
      id = vocabulary().id_of(dressed);
    }
    at += length;
    if (id) {
      flush();
      symbols.push_back({*id, bytes});
    } else if (!(options_.byte_fallback && push_bytes(character, symbols)) && options_.unknown) {
      if (!unknown_) return false;
      if (!options_.fuse_unknown) flush();
      unknown_bytes += bytes;
    }
  }
  flush();
  return true;
}

void Bpe::merge_short(std::vector<Symbol>& symbols, std::size_t from) const {
  const Target* merges[short_word];
  std::size_t count = symbols.size() - from;
  Symbol* word = symbols.data() + from;
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = merge_of(word[i].id, word[i + 1].id);
  while (count > 1) {
    std::size_t best = count;
    for (std::size_t i = 0; i + 1 < count; ++i)
      if (merges[i] != nullptr && (best == count || merges[i]->rank < merges[best]->rank)) best = i;
    if (best == count) break;
    word[best] = {merges[best]->id, word[best].bytes + word[best + 1].bytes};
    --count;
    for (std::size_t i = best + 1; i < count; ++i) word[i] = word[i + 1];
    for (std::size_t i = best + 1; i + 1 < count; ++i) merges[i] = merges[i + 1];
    if (best > 0) merges[best - 1] = merge_of(word[best - 1].id, word[best].id);
    if (best + 1 < count) merges[best] = merge_of(word[best].id, word[best + 1].id);
  }
  symbols.resize(from + count);
}

void Bpe::merge_long(std::vector<Symbol>& symbols, std::size_t from) const {
  const auto count = static_cast<std::int32_t>(symbols.size() - from);
  std::vector<Linked> word(static_cast<std::size_t>(count));
  const auto at = [&](std::int32_t i) -> Linked& { return word[static_cast<std::size_t>(i)]; };
  for (std::int32_t i = 0; i < count; ++i) {
    const Symbol& symbol = symbols[from + static_cast<std::size_t>(i)];
    at(i) = {symbol.id, i - 1, i + 1 < count ? i + 1 : -1, symbol.bytes};
  }
  struct Candidate {
    std::uint32_t rank;
    std::int32_t position;
    TokenId id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](std::int32_t left) {
    if (left < 0 || at(left).next < 0) return;
    if (const Target* target = merge_of(at(left).id, at(at(left).next).id)) queue.push({target->rank, left, target->id});
  };
  for (std::int32_t i = 0; i + 1 < count; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Linked& left = at(best.position);
    if (left.bytes == 0 || left.next < 0) continue;
    Linked& right = at(left.next);
    const Target* target = merge_of(left.id, right.id);
    if (target == nullptr || target->id != best.id) continue;  // one of the two has changed since
    left.id = target->id;
    left.bytes += right.bytes;
    right.bytes = 0;
    left.next = right.next;
    if (left.next >= 0) at(left.next).previous = best.position;
    consider(left.previous);
    consider(best.position);
  }
  symbols.resize(from);
  for (const Linked& symbol : word)
    if (symbol.bytes > 0) symbols.push_back({symbol.id, symbol.bytes});
}

bool Bpe::encode(std::string_view word, std::vector<Symbol>& out) const {
  if (options_.ignore_merges) {
    if (const auto id = vocabulary().id_of(word)) {
      out.push_back({*id, static_cast<std::uint32_t>(word.size())});
      return true;
    }
  }
  const std::size_t from = out.size();
  if (!start_symbols(word, out)) return false;
  if (out.size() - from <= short_word) {
    merge_short(out, from);
  } else {
    merge_long(out, from);
  }
  return true;
}

}  // namespace luthier::text
