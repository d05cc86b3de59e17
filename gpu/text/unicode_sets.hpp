// Sets of characters as Hugging Face's tokenizers sees them; see unicode_tables.hpp.
#pragma once

#include <string>

namespace luthier::text {

bool is_number(char32_t c);             // Nd, Nl, No
bool is_split_punctuation(char32_t c);  // ASCII's punctuation and symbols, P* beyond
bool is_accent(char32_t c);             // M*
bool is_word_character(char32_t c);     // alphabetic, marks, decimal digits, connectors
bool is_bert_accent(char32_t c);        // Mn
bool is_bert_removed(char32_t c);       // control, format, private use
void append_lower_case(std::string& out, char32_t c);

}  // namespace luthier::text
