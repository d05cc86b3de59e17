#include "gpu/text/splitting.hpp"

#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

void join(std::vector<Part>& parts, bool (*joins_previous)(const Part& previous, const Part& part)) {
  std::vector<Part> joined;
  for (const Part& part : parts) {
    if (!joined.empty() && joins_previous(joined.back(), part)) {
      joined.back().end = part.end;
      joined.back().matches = part.matches;  // what the next part sees is the last one, not the whole
    } else {
      joined.push_back(part);
    }
  }
  parts = std::move(joined);
}

void arrange(std::vector<Part>& parts, Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::isolated: return;
    case Behaviour::removed: std::erase_if(parts, [](const Part& part) { return part.matches; }); return;
    case Behaviour::contiguous:
      return join(parts, [](const Part& previous, const Part& part) { return previous.matches == part.matches; });
    case Behaviour::merged_with_previous:
      return join(parts, [](const Part& previous, const Part& part) { return part.matches && !previous.matches; });
    case Behaviour::merged_with_next:
      return join(parts, [](const Part& previous, const Part& part) { return previous.matches && !part.matches; });
  }
}

}  // namespace

std::optional<Behaviour> behaviour_named(std::string_view name) {
  if (name == "Removed") return Behaviour::removed;
  if (name == "Isolated") return Behaviour::isolated;
  if (name == "MergedWithPrevious") return Behaviour::merged_with_previous;
  if (name == "MergedWithNext") return Behaviour::merged_with_next;
  if (name == "Contiguous") return Behaviour::contiguous;
  return std::nullopt;
}

Result<void> find_parts(const Regex& pattern, std::string_view text, std::vector<Part>& parts) {
  Regex::Scan scan(pattern, text);
  std::size_t done = 0;
  for (;;) {
    auto match = scan.next();
    if (!match) return match.error();
    if (!*match) break;
    if ((*match)->begin > done) parts.push_back({done, (*match)->begin, false});
    parts.push_back({(*match)->begin, (*match)->end, true});
    done = (*match)->end;
  }
  if (done < text.size()) parts.push_back({done, text.size(), false});
  return {};
}

void find_characters(bool (*is_match)(char32_t), std::string_view text, std::vector<Part>& parts) {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, bytes] = code_point_at(text, at);
    if (is_match(value)) {
      if (at > done) parts.push_back({done, at, false});
      parts.push_back({at, at + bytes, true});
      done = at + bytes;
    }
    at += bytes;
  }
  if (done < text.size()) parts.push_back({done, text.size(), false});
}

Result<void> split(Pieces& pieces, Behaviour behaviour, const FindParts& find) {
  std::vector<Piece> result;
  std::vector<Part> parts;
  for (const Piece& piece : pieces.pieces) {
    parts.clear();
    const auto text = std::string_view(pieces.text.text).substr(piece.begin, piece.end - piece.begin);
    if (auto found = find(text, parts); !found) return found;
    arrange(parts, behaviour);
    for (const Part& part : parts)
      if (part.begin < part.end)
        result.push_back({static_cast<std::uint32_t>(piece.begin + part.begin), static_cast<std::uint32_t>(piece.begin + part.end),
                          piece.first && part.begin == 0});
  }
  pieces.pieces = std::move(result);
  return {};
}

}  // namespace luthier::text
