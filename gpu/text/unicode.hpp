// Properties of characters, from utf8proc's tables.
#pragma once

#include <string>
#include <string_view>

namespace luthier::text {

bool is_white_space(char32_t c);  // Unicode's White_Space, what Rust and Oniguruma call a space
bool is_numeric(char32_t c);      // Nd, Nl, No
bool is_letter(char32_t c);       // L*
bool is_mark(char32_t c);         // M*
bool is_word(char32_t c);         // alphabetic, marks, decimal digits, connectors: what \w means

enum class Form { nfc, nfd, nfkc, nfkd };
// `valid` in a Unicode normal form. Takes n log n time whatever the order of its combining marks.
std::string normalise(std::string_view valid, Form form);

}  // namespace luthier::text
