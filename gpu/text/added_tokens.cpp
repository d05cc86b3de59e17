#include "gpu/text/added_tokens.hpp"

#include <algorithm>

#include "gpu/text/unicode.hpp"
#include "gpu/text/unicode_sets.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

bool word_ends_at(std::string_view text, std::size_t end) { return end > 0 && is_word_character(code_point_before(text, end).value); }
bool word_starts_at(std::string_view text, std::size_t at) { return at < text.size() && is_word_character(code_point_at(text, at).value); }

std::size_t without_space_before(std::string_view text, std::size_t end, std::size_t floor) {
  while (end > floor) {
    const auto [value, bytes] = code_point_before(text, end);
    if (!is_white_space(value)) break;
    end -= bytes;
  }
  return end;
}

std::size_t after_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const auto [value, bytes] = code_point_at(text, at);
    if (!is_white_space(value)) break;
    at += bytes;
  }
  return at;
}

}  // namespace

const TokenFinder::Node* TokenFinder::child(const Node& node, unsigned char byte) const {
  const auto at = std::lower_bound(node.children.begin(), node.children.end(), std::pair<unsigned char, std::uint32_t>{byte, 0});
  return at != node.children.end() && at->first == byte ? &nodes_[at->second] : nullptr;
}

void TokenFinder::add(std::string_view text, std::size_t index) {
  if (text.empty()) return;
  starts_[static_cast<unsigned char>(text[0])] = true;
  std::uint32_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    auto& children = nodes_[node].children;
    const auto at = std::lower_bound(children.begin(), children.end(), std::pair<unsigned char, std::uint32_t>{byte, 0});
    if (at != children.end() && at->first == byte) {
      node = at->second;
      continue;
    }
    const auto next = static_cast<std::uint32_t>(nodes_.size());
    children.insert(at, {byte, next});
    nodes_.emplace_back();
    node = next;
  }
  nodes_[node].index = static_cast<std::int64_t>(index);
}

std::optional<TokenFinder::Found> TokenFinder::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
    std::optional<Found> longest;
    const Node* node = nodes_.data();
    for (std::size_t at = begin; at < text.size(); ++at) {
      node = child(*node, static_cast<unsigned char>(text[at]));
      if (node == nullptr) break;
      if (node->index >= 0) longest = Found{begin, at + 1, static_cast<std::size_t>(node->index)};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

void AddedTokens::add(AddedToken token) {
  if (token.content.empty()) return;
  const auto [entry, is_new] = by_content_.try_emplace(token.content, tokens_.size());
  by_id_[token.id] = entry->second;
  if (is_new) {
    tokens_.push_back(std::move(token));
  } else {
    tokens_[entry->second] = std::move(token);
  }
}

Result<void> AddedTokens::prepare(const Normaliser& normaliser) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    tokens_[i].shown = tokens_[i].content;
    if (!tokens_[i].normalized) {
      raw_.add(tokens_[i].content, i);
      any_raw_ = true;
      continue;
    }
    Aligned content{tokens_[i].content, {}};
    if (normaliser)
      if (auto done = normaliser(content); !done) return done;
    normalised_.add(content.text, i);
    tokens_[i].shown = std::move(content.text);
    any_normalised_ = true;
  }
  return {};
}

std::vector<AddedTokens::Section> AddedTokens::cut(std::string_view text, bool normalized) const {
  std::vector<Section> sections;
  const TokenFinder& finder = normalized ? normalised_ : raw_;
  std::size_t done = 0;
  if (normalized ? any_normalised_ : any_raw_) {
    for (std::size_t from = 0;;) {
      const auto found = finder.find(text, from);
      if (!found) break;
      from = found->end;
      const AddedToken& token = tokens_[found->index];
      auto [begin, end, index] = *found;
      if (token.single_word && (word_ends_at(text, begin) || word_starts_at(text, end))) continue;
      // White space that an earlier token took may hold this one's beginning.
      if (begin < done) continue;
      if (token.left_strip) begin = without_space_before(text, begin, done);
      if (token.right_strip) end = after_space(text, end);
      if (done < begin) sections.push_back({done, begin, nullptr});
      sections.push_back({begin, end, &token});
      done = end;
    }
  }
  if (done < text.size()) sections.push_back({done, text.size(), nullptr});
  return sections;
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto at = by_content_.find(std::string(content));
  return at == by_content_.end() ? nullptr : &tokens_[at->second];
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &tokens_[at->second];
}

}  // namespace luthier::text
