// What the libraries inside Hugging Face's tokenizers say of characters. They follow different versions of Unicode, from 8 to 17, and
// ids must be the same, so the sets are recorded here and do not change with the libraries of this machine.
#pragma once

#include <span>
#include <string_view>

namespace luthier::text::tables {

struct CharacterRange {
  char32_t first, last;
};

extern const std::span<const CharacterRange> bert_removed;  // what BertNormalizer cleans away: control, format, private use
extern const std::span<const CharacterRange> bert_accents;  // nonspacing marks to BertNormalizer
extern const std::span<const CharacterRange> accents;       // marks to StripAccents
extern const std::span<const CharacterRange> punctuation;   // beyond ASCII
extern const std::span<const CharacterRange> numbers;
extern const std::span<const CharacterRange> words;           // \w of the pre-tokenizer Whitespace
extern const std::span<const CharacterRange> not_normalised;  // no normal form changes or moves these

// Characters that are newer than PCRE2's tables (Unicode 14), by general category; "Han" is the script.
struct NewerKind {
  std::string_view name;
  std::span<const CharacterRange> ranges;
};
extern const std::span<const NewerKind> newer;

// Lower case that is newer than utf8proc's tables.
struct LowerCase {
  char32_t first, last;
  int distance;
};
extern const std::span<const LowerCase> newer_lower_case;

bool contains(std::span<const CharacterRange> ranges, char32_t c);

}  // namespace luthier::text::tables
