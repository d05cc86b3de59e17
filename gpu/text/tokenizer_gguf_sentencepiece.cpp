// GGUF's vocabularies "llama" and "t5": what SentencePiece trained, as BPE and as Unigram.
#include <algorithm>
#include <tuple>

#include "gpu/text/base64.hpp"
#include "gpu/text/bpe.hpp"
#include "gpu/text/model_config.hpp"
#include "gpu/text/tokenizer_gguf_parts.hpp"
#include "gpu/text/unigram.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

using nlohmann::json;

constexpr const char* mark = "\xE2\x96\x81";  // ▁, which stands for a blank
constexpr std::size_t squares_max = std::size_t{1} << 30;

json replace(json pattern, const char* content) { return {{"type", "Replace"}, {"pattern", std::move(pattern)}, {"content", content}}; }

// Of two neighbours those are merged first whose joined token has the highest score, so each way to cut a token in two is a merge, in
// the order of scores. Ways to cut the same token, and equal scores, stand in the order that transformers gives them.
Result<std::vector<Merge>> merges_by_score(const GgufVocabulary& from, const Vocabulary& vocabulary) {
  struct Scored {
    Merge merge;
    double score;
    std::size_t left, right;  // lengths in characters
  };
  std::vector<Scored> all;
  std::size_t squares = 0;
  const auto is_mergeable = [&](TokenId id) {
    const auto type = from.types[static_cast<std::size_t>(id)];
    return type != control_token && type != unknown_token && type != byte_token;
  };
  for (std::size_t id = 0; id < from.tokens.size(); ++id) {
    const std::string_view token = from.tokens[id];
    squares += token.size() * token.size();
    if (squares > squares_max) return invalid("tokens: are too long for merges by score");
    if (!is_mergeable(static_cast<TokenId>(id))) continue;
    const std::size_t first = all.size(), length = count_code_points(token);
    std::vector<std::pair<std::pair<TokenId, TokenId>, Scored>> ways;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < token.size();) {
      at += code_point_at(token, at).bytes;
      ++characters;
      if (at == token.size()) break;
      const auto left = vocabulary.id_of(token.substr(0, at)), right = vocabulary.id_of(token.substr(at));
      if (left && right && is_mergeable(*left) && is_mergeable(*right))
        ways.push_back({{*left, *right}, {{token.substr(0, at), token.substr(at)}, from.scores[id], characters, length - characters}});
    }
    std::stable_sort(ways.begin(), ways.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    all.reserve(first + ways.size());
    for (auto& way : ways) all.push_back(way.second);
  }
  std::stable_sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) {
    return std::tie(a.score, a.left, a.right) > std::tie(b.score, b.left, b.right);
  });
  std::vector<Merge> merges;
  merges.reserve(all.size());
  for (const auto& each : all) merges.push_back(each.merge);
  return merges;
}

Result<json> read_charsmap(const checkpoint::GgufFile& file) {
  const auto values = gguf_list<std::vector<std::int64_t>>(file, "tokenizer.ggml.precompiled_charsmap");
  if (!values) return values.error();
  std::string bytes;
  bytes.reserve(values->size());
  for (const auto value : *values) bytes += static_cast<char>(value & 0xFF);
  return json{{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(bytes)}};
}

}  // namespace

Result<GgufTokenizer> gguf_sentencepiece(const checkpoint::GgufFile& file, GgufVocabulary vocabulary) {
  const auto prefix = gguf_flag(file, "tokenizer.ggml.add_space_prefix", true);
  if (!prefix) return prefix.error();
  const auto unknown = gguf_unknown_id(file, vocabulary, 0);
  if (!unknown) return unknown.error();
  auto made = Vocabulary::make(gguf_entries(vocabulary));
  if (!made) return gguf_error(file, made.error());
  const auto merges = merges_by_score(vocabulary, *made);
  if (!merges) return gguf_error(file, merges.error());
  BpeOptions options;
  options.unknown = vocabulary.tokens[static_cast<std::size_t>(*unknown)];
  options.fuse_unknown = options.byte_fallback = true;
  auto bpe = Bpe::make(*std::move(made), *merges, options);
  if (!bpe) return gguf_error(file, bpe.error());
  GgufTokenizer result;
  result.model = *std::move(bpe);
  std::vector<json> normalizers{replace({{"String", " "}}, mark)}, decoders{replace({{"String", mark}}, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (*prefix) {
    normalizers.insert(normalizers.begin(), json{{"type", "Prepend"}, {"prepend", mark}});
    decoders.push_back(json{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  result.normalizer = {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}};
  result.decoder = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
  result.adds_bos = true;
  return result;
}

Result<GgufTokenizer> gguf_unigram(const checkpoint::GgufFile& file, GgufVocabulary vocabulary) {
  const auto prefix = gguf_flag(file, "tokenizer.ggml.add_space_prefix", true);
  if (!prefix) return prefix.error();
  const auto narrows = gguf_flag(file, "tokenizer.ggml.remove_extra_whitespaces", false);
  if (!narrows) return narrows.error();
  const auto unknown = gguf_unknown_id(file, vocabulary, 2);
  if (!unknown) return unknown.error();
  std::vector<UnigramPiece> pieces;
  pieces.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) pieces.push_back({std::move(vocabulary.tokens[id]), vocabulary.scores[id]});
  UnigramOptions options;
  options.unknown = *unknown;
  auto unigram = Unigram::make(std::move(pieces), options);
  if (!unigram) return gguf_error(file, unigram.error());
  GgufTokenizer result;
  result.model = *std::move(unigram);
  std::vector<json> normalizers;
  if (file.has("tokenizer.ggml.precompiled_charsmap")) {
    auto charsmap = read_charsmap(file);
    if (!charsmap) return charsmap.error();
    normalizers.push_back(*std::move(charsmap));
  }
  if (*narrows) {
    normalizers.push_back(json{{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
    normalizers.push_back(replace({{"Regex", " {2,}"}}, " "));
  }
  if (!normalizers.empty()) result.normalizer = {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}};
  const char* scheme = *prefix ? "always" : "never";
  result.pre_tokenizer = {{"type", "Metaspace"}, {"replacement", mark}, {"prepend_scheme", scheme}, {"split", true}};
  result.decoder = result.pre_tokenizer;
  result.adds_eos = true;
  return result;
}

}  // namespace luthier::text
