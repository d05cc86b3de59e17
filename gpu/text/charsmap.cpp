#include "gpu/text/charsmap.hpp"

#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t bytes_max = 16 << 20;  // SentencePiece's own have 200 to 300 KiB

std::uint32_t read_32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

// A unit's parts.
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::size_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFu; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FFu; }
std::size_t offset_of(std::uint32_t unit) { return std::size_t{unit >> 10} << ((unit & 0x200u) >> 6); }

}  // namespace

Result<Charsmap> Charsmap::read(std::string_view bytes) {
  if (bytes.size() > bytes_max) return invalid("has more than " + std::to_string(bytes_max) + " bytes");
  if (bytes.size() < 4) return invalid("is too short for the size of its trie");
  const std::size_t size = read_32(bytes, 0);
  if (size % 4 != 0 || size > bytes.size() - 4)
    return invalid("says that its trie has " + std::to_string(size) + " bytes, and " + std::to_string(bytes.size() - 4) + " follow");
  Charsmap map;
  map.units_.reserve(size / 4);
  for (std::size_t at = 4; at < 4 + size; at += 4) map.units_.push_back(read_32(bytes, at));
  map.texts_ = bytes.substr(4 + size);
  if (const auto at = first_invalid_utf8(map.texts_)) return invalid("its texts are not UTF-8 at byte " + std::to_string(4 + size + *at));
  return map;
}

std::optional<std::string_view> Charsmap::find(std::string_view chunk) const {
  if (units_.empty()) return std::nullopt;
  std::size_t at = offset_of(units_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    at ^= byte;
    // Every place is checked: the trie comes from a file.
    if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) return std::nullopt;
    const bool leaf = has_leaf(units_[at]);
    at ^= offset_of(units_[at]);
    if (!leaf) continue;
    const std::size_t begin = at < units_.size() ? value_of(units_[at]) : texts_.size();
    if (begin >= texts_.size()) return std::nullopt;
    if ((static_cast<unsigned char>(texts_[begin]) & 0xC0) == 0x80) return std::nullopt;  // half a character is none
    return std::string_view(texts_).substr(begin, texts_.find('\0', begin) - begin);
  }
  return std::nullopt;
}

}  // namespace luthier::text
