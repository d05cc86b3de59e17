// A tokenizer from the metadata of a GGUF file, which names its kind and leaves its rules to the reader.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gpu/text/tokenizer_gguf_parts.hpp"
#include "gpu/text/tokenizer_parts.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

using checkpoint::GgufFile;

Result<GgufVocabulary> read_vocabulary(const GgufFile& file) {
  GgufVocabulary vocabulary;
  auto tokens = gguf_list<std::vector<std::string>>(file, "tokenizer.ggml.tokens");
  if (!tokens) return tokens.error();
  vocabulary.tokens = *std::move(tokens);
  const std::size_t count = vocabulary.tokens.size();
  const auto check = [&](const std::string& key, std::size_t size) -> Result<void> {
    if (size >= count) return {};
    return invalid(file.path().string() + ": " + key + ": has " + std::to_string(size) + " members for " + std::to_string(count) + " tokens", key);
  };
  const std::string types_key = "tokenizer.ggml.token_type", scores_key = "tokenizer.ggml.scores";
  if (file.has(types_key)) {
    auto types = gguf_list<std::vector<std::int64_t>>(file, types_key);
    if (!types) return types.error();
    if (auto good = check(types_key, types->size()); !good) return good.error();
    vocabulary.types = *std::move(types);
  }
  if (file.has(scores_key)) {
    auto scores = gguf_list<std::vector<double>>(file, scores_key);
    if (!scores) return scores.error();
    if (auto good = check(scores_key, scores->size()); !good) return good.error();
    if (std::any_of(scores->begin(), scores->end(), [](double score) { return !std::isfinite(score); }))
      return invalid(file.path().string() + ": " + scores_key + ": has a member that is no finite number", scores_key);
    vocabulary.scores = *std::move(scores);
  }
  vocabulary.types.resize(count, 1);
  vocabulary.scores.resize(count, 0);
  for (std::size_t id = 0; id < count; ++id)
    if (first_invalid_utf8(vocabulary.tokens[id]))
      return invalid(file.path().string() + ": tokenizer.ggml.tokens[" + std::to_string(id) + "]: is not UTF-8", "tokenizer.ggml.tokens");
  return vocabulary;
}

Result<GgufTokenizer> read_kind(const GgufFile& file, GgufVocabulary& vocabulary) {
  const auto model = file.text("tokenizer.ggml.model");
  if (!model) return model.error();
  if (*model == "gpt2") return gguf_byte_level(file, vocabulary);
  if (*model == "llama") return gguf_sentencepiece(file, vocabulary);
  if (*model == "bert") return gguf_word_piece(file, vocabulary);
  if (*model == "t5") return gguf_unigram(file, vocabulary);
  return invalid(file.path().string() + ": tokenizer.ggml.model: " + in_quotes(*model) +
                     " is not supported; gpt2 (byte-level BPE), llama (SentencePiece's BPE), bert (WordPiece) and t5 (Unigram) are",
                 "tokenizer.ggml.model");
}

// Phi-3's tokens take the blanks behind them with them, which only the model's name tells.
bool takes_blanks(const GgufFile& file, const std::string& token) {
  const auto name = file.has("general.name") ? file.text("general.name") : Result<std::string>(std::string());
  if (!name || token == "<unk>" || token == "<s>" || token == "<|endoftext|>") return false;
  std::string lower = *name;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower.find("phi-3") != std::string::npos || lower.find("phi3") != std::string::npos;
}

void add_tokens(const GgufFile& file, const GgufVocabulary& vocabulary, TokenizerParts& parts) {
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const auto type = vocabulary.types[id];
    if (type != control_token && type != user_defined_token && type != unknown_token) continue;
    AddedToken token;
    token.id = static_cast<TokenId>(id);
    token.content = vocabulary.tokens[id];
    token.special = type != user_defined_token;
    token.right_strip = token.special && takes_blanks(file, token.content);
    parts.added.add(std::move(token));
  }
}

Result<void> read_special(const GgufFile& file, TokenizerParts& parts) {
  constexpr std::pair<const char*, const char*> names[] = {{"cls", "cls_token"},        {"bos", "bos_token"},     {"eos", "eos_token"},
                                                           {"seperator", "sep_token"},  {"mask", "mask_token"},   {"padding", "pad_token"},
                                                           {"unknown", "unk_token"}};
  for (const auto& [key, name] : names) {
    const std::string whole = std::string("tokenizer.ggml.") + key + "_token_id";
    if (!file.has(whole)) continue;
    const auto id = file.integer(whole);
    if (!id) return id.error();
    const auto token = *id > token_id_max ? std::nullopt : parts.vocabulary().token_of(static_cast<TokenId>(*id));
    if (!token) return invalid(file.path().string() + ": " + whole + ": there is no token " + std::to_string(*id), whole);
    parts.special[name] = *token;
  }
  return {};
}

// BERT's file may leave out the ids that all BERTs share.
void name_bert_tokens(TokenizerParts& parts) {
  for (const auto& [name, token] : {std::pair("cls_token", "[CLS]"), std::pair("sep_token", "[SEP]"), std::pair("unk_token", "[UNK]")})
    if (!parts.special.contains(name) && parts.id_of(token)) parts.special[name] = token;
  if (!parts.special.contains("bos_token") && parts.special.contains("cls_token")) parts.special["bos_token"] = parts.special["cls_token"];
}

nlohmann::json template_of(const TokenizerParts& parts, const std::vector<std::string>& before, const std::vector<std::string>& after) {
  nlohmann::json single = nlohmann::json::array(), pair = nlohmann::json::array(), tokens = nlohmann::json::object();
  for (const int type : {0, 1}) {
    const auto put = [&](nlohmann::json part) {
      if (type == 0) single.push_back(part);
      pair.push_back(std::move(part));
    };
    const auto special = [&](const std::string& token) {
      put({{"SpecialToken", {{"id", token}, {"type_id", type}}}});
      tokens[token] = {{"id", token}, {"ids", {*parts.id_of(token)}}, {"tokens", {token}}};
    };
    for (const auto& token : before) special(token);
    put({{"Sequence", {{"id", type == 0 ? "A" : "B"}, {"type_id", type}}}});
    for (const auto& token : after) special(token);
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

// What is put around a text.
Result<nlohmann::json> read_post_processor(const GgufFile& file, const GgufTokenizer& kind, const TokenizerParts& parts) {
  struct Place {
    const char *key, *name;
    bool otherwise, in_front;
  };
  const Place places[] = {{"add_bos_token", "bos_token", kind.adds_bos, true},
                          {"add_sep_token", "sep_token", kind.adds_separator, false},
                          {"add_eos_token", "eos_token", kind.adds_eos, false}};
  std::vector<std::string> before, after;
  for (const auto& [key, name, otherwise, in_front] : places) {
    const auto wanted = gguf_flag(file, std::string("tokenizer.ggml.") + key, otherwise);
    if (!wanted) return wanted.error();
    const auto token = parts.special.find(name);
    if (*wanted && token != parts.special.end()) (in_front ? before : after).push_back(token->second);
  }
  if (kind.adds_separator && !after.empty()) after.resize(1);  // BERT's end token is its separator
  if (before.empty() && after.empty()) return nlohmann::json();
  return template_of(parts, before, after);
}

}  // namespace

Error gguf_error(const GgufFile& file, const Error& error) { return with_context(with_context(error, "tokenizer.ggml"), file.path().string()); }

Result<bool> gguf_flag(const GgufFile& file, const std::string& key, bool otherwise) {
  const auto at = file.metadata().find(key);
  if (at == file.metadata().end()) return otherwise;
  if (const bool* value = std::get_if<bool>(&at->second)) return *value;
  return invalid(file.path().string() + ": " + key + ": is not true or false", key);
}

Result<TokenId> gguf_unknown_id(const GgufFile& file, const GgufVocabulary& vocabulary, TokenId otherwise) {
  const std::string key = "tokenizer.ggml.unknown_token_id";
  const auto typed = std::find(vocabulary.types.begin(), vocabulary.types.end(), unknown_token);
  std::int64_t id = typed == vocabulary.types.end() ? otherwise : typed - vocabulary.types.begin();
  if (file.has(key)) {
    const auto value = file.integer(key);
    if (!value) return value.error();
    id = *value;
  }
  if (id >= 0 && static_cast<std::size_t>(id) < vocabulary.tokens.size()) return static_cast<TokenId>(id);
  return invalid(file.path().string() + ": " + key + ": there is no token " + std::to_string(id), key);
}

std::vector<Vocabulary::Entry> gguf_entries(const GgufVocabulary& vocabulary) {
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) entries.push_back({vocabulary.tokens[id], static_cast<std::int64_t>(id)});
  return entries;
}

Result<TokenizerParts> load_tokenizer_gguf(const std::filesystem::path& path) {
  const auto file = GgufFile::open(path);
  if (!file) return file.error();
  if (!file->has("tokenizer.ggml.model")) return file->text("tokenizer.ggml.model").error();
  auto vocabulary = read_vocabulary(*file);
  if (!vocabulary) return vocabulary.error();
  auto kind = read_kind(*file, *vocabulary);
  if (!kind) return kind.error();
  TokenizerParts parts;
  parts.model = kind->model;
  add_tokens(*file, *vocabulary, parts);
  if (auto done = read_special(*file, parts); !done) return done.error();
  if (kind->adds_separator) name_bert_tokens(parts);
  auto post = read_post_processor(*file, *kind, parts);
  if (!post) return post.error();
  const nlohmann::json pipeline = {{"normalizer", kind->normalizer}, {"pre_tokenizer", kind->pre_tokenizer}, {"post_processor", *post}, {"decoder", kind->decoder}};
  std::optional<Error> failure;
  read_pipeline(ConfigReader(pipeline, "", failure), parts);
  if (failure) return with_context(*failure, path.string());
  if (auto done = parts.added.prepare(parts.normaliser); !done) return done.error();
  parts.pipeline = pipeline.dump();
  if (file->has("tokenizer.chat_template")) {
    auto chat = file->text("tokenizer.chat_template");
    if (!chat) return chat.error();
    if (first_invalid_utf8(*chat)) return invalid(path.string() + ": tokenizer.chat_template: is not UTF-8", "tokenizer.chat_template");
    parts.templates["default"] = *std::move(chat);
  }
  return parts;
}

}  // namespace luthier::text
