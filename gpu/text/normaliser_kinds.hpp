// Normalisers that are files of their own; make_normaliser() calls them.
#pragma once

#include "gpu/text/normaliser.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {

Normaliser precompiled_normaliser(const ConfigReader& config);
Normaliser bert_normaliser(const ConfigReader& config);

// `change` appends what a character becomes, or nothing.
template <class Change>
void change_characters(Aligned& text, Change change) {
  Rewriter out(text);
  std::string changed;
  for (std::size_t at = 0; at < text.text.size();) {
    const auto [value, bytes] = code_point_at(text.text, at);
    changed.clear();
    change(value, changed);
    out.put(changed, at, at + bytes);
    at += bytes;
  }
  text = out.take();
}

void apply_form(Aligned& text, Form form);
void lower_case(char32_t c, std::string& out);

}  // namespace luthier::text
