#include "gpu/text/unicode_sets.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "gpu/text/unicode_tables.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {

bool is_number(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return tables::contains(tables::numbers, c);
}

bool is_split_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  return tables::contains(tables::punctuation, c);
}

bool is_accent(char32_t c) { return c >= 0x300 && tables::contains(tables::accents, c); }

bool is_word_character(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return tables::contains(tables::words, c);
}

bool is_bert_accent(char32_t c) { return c >= 0x300 && tables::contains(tables::bert_accents, c); }

bool is_bert_removed(char32_t c) {
  if (c < 0x7F) return c < 0x20;
  return tables::contains(tables::bert_removed, c);
}

void append_lower_case(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return;
  }
  if (c == 0x130) {
    out += "i\xCC\x87";  // the only character whose lower case is two
    return;
  }
  for (const auto& [first, last, distance] : tables::newer_lower_case)
    if (c >= first && c <= last) return append_utf8(out, static_cast<char32_t>(static_cast<int>(c) + distance));
  append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

namespace tables {

bool contains(std::span<const CharacterRange> ranges, char32_t c) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t value, const auto& range) { return value < range.first; });
  return behind != ranges.begin() && c <= std::prev(behind)->last;
}

}  // namespace tables

}  // namespace luthier::text
