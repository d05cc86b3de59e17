// GGUF's vocabulary "bert": WordPiece whose tokens are written the other way round, with a mark at a word's first one.
#include <algorithm>

#include "gpu/text/tokenizer_gguf_parts.hpp"
#include "gpu/text/word_piece.hpp"

namespace luthier::text {
namespace {

constexpr std::string_view mark = "\xE2\x96\x81";  // ▁

std::string as_in_bert(const std::string& token, std::int64_t type) {
  if (type == control_token || type == unknown_token) return token;
  return token.starts_with(mark) ? token.substr(mark.size()) : "##" + token;
}

// Files that do not say whether text is lower-cased: it is, unless the vocabulary has capital letters.
bool has_capitals(const GgufVocabulary& vocabulary) {
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string_view token = vocabulary.tokens[id];
    const auto type = vocabulary.types[id];
    if (type == control_token || type == unknown_token || type == user_defined_token || token.find('[') != std::string_view::npos) continue;
    if (std::any_of(token.begin(), token.end(), is_capital)) return true;
  }
  return false;
}

}  // namespace

Result<GgufTokenizer> gguf_word_piece(const checkpoint::GgufFile& file, GgufVocabulary& vocabulary) {
  const auto lower = gguf_flag(file, "tokenizer.ggml.normalizer.lowercase", !has_capitals(vocabulary));
  if (!lower) return lower.error();
  const auto strips = gguf_flag(file, "tokenizer.ggml.normalizer.strip_accents", *lower);
  if (!strips) return strips.error();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) vocabulary.tokens[id] = as_in_bert(vocabulary.tokens[id], vocabulary.types[id]);
  const auto unknown = gguf_unknown_id(file, vocabulary, 100);
  if (!unknown) return unknown.error();
  auto made = Vocabulary::make(gguf_entries(vocabulary));
  if (!made) return gguf_error(file, made.error());
  WordPieceOptions options;
  options.unknown = vocabulary.tokens[static_cast<std::size_t>(*unknown)];
  auto pieces = WordPiece::make(*std::move(made), options);
  if (!pieces) return gguf_error(file, pieces.error());
  GgufTokenizer result;
  result.model = *std::move(pieces);
  result.normalizer = {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", true}, {"strip_accents", *strips}, {"lowercase", *lower}};
  result.pre_tokenizer = {{"type", "BertPreTokenizer"}};
  result.decoder = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  result.adds_bos = result.adds_separator = true;
  return result;
}

}  // namespace luthier::text
