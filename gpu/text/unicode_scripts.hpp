// Scripts as Hugging Face's tokenizers sees them (Chinese characters, Hiragana and Katakana are one), recorded as unicode_tables.hpp's sets are.
#pragma once

namespace luthier::text {

constexpr int any_script = -1;  // blanks, and what has no script

int script_of(char32_t c);  // a number that means nothing but the same or another one

}  // namespace luthier::text
