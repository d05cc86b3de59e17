#include "actors/rest/like.hpp"

#include <algorithm>

namespace luthier::rest {
namespace {

constexpr char any_character = '_';

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The bytes of the UTF-8 character that starts at `at`.
std::size_t character_bytes(std::string_view text, std::size_t at) {
  std::size_t bytes = 1;
  while (at + bytes < text.size() && (static_cast<unsigned char>(text[at + bytes]) & 0xC0) == 0x80) ++bytes;
  return bytes;
}

// Where the piece ends when it starts at `at`; npos when it does not fit there.
std::size_t end_of(std::string_view piece, std::string_view text, std::size_t at) {
  for (const char c : piece) {
    if (at >= text.size()) return text.npos;
    if (c == any_character)
      at += character_bytes(text, at);
    else if (lower(text[at++]) != c)
      return text.npos;
  }
  return at;
}

}  // namespace

Like::Like(std::string_view pattern) {
  while (!pattern.empty()) {
    const auto end = std::min(pattern.find('%'), pattern.size());
    if (end > 0) {
      auto& piece = pieces_.emplace_back(pattern.substr(0, end));
      std::transform(piece.begin(), piece.end(), piece.begin(), lower);
    }
    pattern.remove_prefix(std::min(end + 1, pattern.size()));
  }
}

// The first place of each piece leaves the most room for those after it, so there is never a reason to go back.
bool Like::found_in(std::string_view text) const {
  std::size_t at = 0;
  for (const auto& piece : pieces_) {
    const char first = piece.front();
    for (;; ++at) {
      if (first != any_character)
        while (at < text.size() && lower(text[at]) != first) ++at;
      if (at >= text.size()) return false;
      if (const auto end = end_of(piece, text, at); end != text.npos) {
        at = end;
        break;
      }
    }
  }
  return true;
}

}  // namespace luthier::rest
