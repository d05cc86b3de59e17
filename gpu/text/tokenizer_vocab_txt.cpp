#include "gpu/text/tokenizer_vocab_txt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gpu/text/config_reader.hpp"
#include "gpu/text/utf8.hpp"
#include "gpu/text/vocabulary.hpp"

namespace luthier::text {
namespace {

using nlohmann::json;

json read_vocab(const std::string& text) {
  json vocab = json::object();
  std::int64_t id = 0;
  for (std::size_t at = 0; at < text.size(); ++id) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string token = text.substr(at, end - at);
    if (token.ends_with('\r')) token.pop_back();
    vocab[token] = id;
    at = end + 1;
  }
  return vocab;
}

std::string token_named(const ConfigReader& config, const char* name, const char* otherwise) {
  const auto member = config[name];
  if (member.is_null()) return otherwise;
  return member.is_object() ? member.text("content") : member.as_text();
}

// Other kinds of tokenizers have a vocab.txt too, and read it in other ways.
bool is_bert(const std::string& tokenizer_class) {
  const auto has = [&](const char* name) { return tokenizer_class.find(name) != std::string::npos; };
  return tokenizer_class.empty() || ((has("Bert") || has("Electra")) && !has("Japanese") && !has("Roberta"));
}

}  // namespace

Result<std::string> tokenizer_of_vocab_txt(const std::filesystem::path& file, const std::string& vocab, const std::string& config_text) {
  if (const auto at = first_invalid_utf8(vocab)) return invalid(file.string() + ": is not UTF-8 at byte " + std::to_string(*at));
  const json values = json::parse(config_text.empty() ? "{}" : config_text, nullptr, false);
  std::optional<Error> failure;
  const ConfigReader config(values, "tokenizer_config.json", failure);
  if (!config.is_object()) return invalid(file.string() + ": the tokenizer_config.json beside it is not a JSON object");
  const std::string kind = config.text("tokenizer_class", "");
  if (!is_bert(kind))
    return invalid(file.string() + ": is not read for the tokenizer " + in_quotes(kind) + "; BERT's are, and any tokenizer.json");
  json tokens = read_vocab(vocab), added = json::array();
  const auto id_of = [&](const std::string& token) { return tokens.contains(token) ? tokens[token].get<std::int64_t>() : -1; };
  const std::string unknown = token_named(config, "unk_token", "[UNK]"), first = token_named(config, "cls_token", "[CLS]"),
                    last = token_named(config, "sep_token", "[SEP]");
  for (const auto& token : {unknown, first, last, token_named(config, "pad_token", "[PAD]"), token_named(config, "mask_token", "[MASK]")})
    if (id_of(token) >= 0) added.push_back({{"id", id_of(token)}, {"content", token}, {"special", true}, {"normalized", false}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}});
  for (const auto& token : {unknown, first, last})
    if (id_of(token) < 0) return invalid(file.string() + ": has no token " + in_quotes(token));
  const bool lower = config.flag("do_lower_case", true), strips = config.flag("strip_accents", lower), chinese = config.flag("tokenize_chinese_chars", true);
  if (failure) return with_context(*failure, file.string());
  const auto special = [](const std::string& token, int type) { return json{{"SpecialToken", {{"id", token}, {"type_id", type}}}}; };
  const auto text = [](const char* name, int type) { return json{{"Sequence", {{"id", name}, {"type_id", type}}}}; };
  const auto named = [&](const std::string& token) { return json{{"id", token}, {"ids", json::array({id_of(token)})}, {"tokens", json::array({token})}}; };
  const json post = {{"type", "TemplateProcessing"},
                     {"single", json::array({special(first, 0), text("A", 0), special(last, 0)})},
                     {"pair", json::array({special(first, 0), text("A", 0), special(last, 0), text("B", 1), special(last, 1)})},
                     {"special_tokens", {{first, named(first)}, {last, named(last)}}}};
  const json normalizer = {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", chinese}, {"strip_accents", strips}, {"lowercase", lower}};
  const json model = {{"type", "WordPiece"}, {"unk_token", unknown}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 100}, {"vocab", std::move(tokens)}};
  const json whole = {{"version", "1.0"},    {"truncation", nullptr}, {"padding", nullptr},
                      {"added_tokens", added}, {"normalizer", normalizer}, {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                      {"post_processor", post}, {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}}, {"model", model}};
  return whole.dump();
}

}  // namespace luthier::text
