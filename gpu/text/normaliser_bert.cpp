// BERT's own normaliser: cleaned text, blanks around Chinese characters, no accents, lower case.
#include "gpu/text/normaliser_kinds.hpp"
#include "gpu/text/unicode.hpp"
#include "gpu/text/unicode_sets.hpp"

namespace luthier::text {
namespace {

bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void clean(char32_t c, std::string& out) {
  if (c == '\t' || c == '\n' || c == '\r') {
    out += ' ';
  } else if (c != 0 && c != 0xFFFD && !is_bert_removed(c)) {
    if (is_white_space(c)) {
      out += ' ';
    } else {
      append_utf8(out, c);
    }
  }
}

void set_apart(char32_t c, std::string& out) {
  const bool chinese = is_chinese(c);
  if (chinese) out += ' ';
  append_utf8(out, c);
  if (chinese) out += ' ';
}

void drop_accent(char32_t c, std::string& out) {
  if (!is_bert_accent(c)) append_utf8(out, c);
}

}  // namespace

Normaliser bert_normaliser(const ConfigReader& config) {
  const bool cleans = config.flag("clean_text", true), chinese = config.flag("handle_chinese_chars", true);
  const bool lower = config.flag("lowercase", true), strips = config.flag("strip_accents", lower);
  return [=](Aligned& text) -> Result<void> {
    if (cleans) change_characters(text, clean);
    if (chinese) change_characters(text, set_apart);
    if (strips) {
      apply_form(text, Form::nfd);
      change_characters(text, drop_accent);
    }
    if (lower) change_characters(text, lower_case);
    return {};
  };
}

}  // namespace luthier::text
