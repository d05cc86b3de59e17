// A tokenizer from the metadata of a GGUF file, which names its pre-tokenizer and leaves its rules to the reader.
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/gguf.hpp"
#include "gpu/text/tokenizer_parts.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

using checkpoint::GgufFile;

constexpr std::int64_t control_token = 3, user_defined_token = 4;

constexpr const char* llama3_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* qwen2_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// What a pre-tokenizer's name in a GGUF file stands for.
struct Convention {
  nlohmann::json normalizer, pre_tokenizer;
  bool ignore_merges = false;
  bool adds_bos = false;  // unless the file says otherwise
};

nlohmann::json byte_level(bool words) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", words}};
}

nlohmann::json sequence(nlohmann::json first, nlohmann::json second) {
  return {{"type", "Sequence"}, {"pretokenizers", {std::move(first), std::move(second)}}};
}

nlohmann::json split(const char* pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

std::optional<Convention> convention_named(const std::string& name) {
  if (name == "default" || name == "gpt-2") return Convention{nullptr, byte_level(true)};
  if (name == "smollm") return Convention{nullptr, sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true))};
  if (name == "llama-bpe") return Convention{nullptr, sequence(split(llama3_words), byte_level(false)), true, true};
  if (name == "qwen2") return Convention{{{"type", "NFC"}}, sequence(split(qwen2_words), byte_level(false))};
  return std::nullopt;
}

// A member of the metadata as the type it must have; the error names the file and the key.
template <class T>
Result<T> list(const GgufFile& file, const std::string& key) {
  const auto at = file.metadata().find(key);
  if (at != file.metadata().end())
    if (const T* value = std::get_if<T>(&at->second)) return *value;
  return invalid(file.path().string() + ": " + key + ": is missing or not the list that it should be", key);
}

Result<std::vector<Merge>> cut_merges(const std::vector<std::string>& lines) {
  std::vector<Merge> merges;
  merges.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    // A blank may be the first character of the left token, never of the right one.
    const auto blank = line.find(' ', 1);
    if (blank == std::string_view::npos || blank + 1 == line.size())
      return invalid("tokenizer.ggml.merges[" + std::to_string(i) + "]: is not two tokens with a blank between them");
    merges.push_back({line.substr(0, blank), line.substr(blank + 1)});
  }
  return merges;
}

Result<void> read_vocabulary(const GgufFile& file, bool ignore_merges, TokenizerParts& parts) {
  const auto tokens = list<std::vector<std::string>>(file, "tokenizer.ggml.tokens");
  if (!tokens) return tokens.error();
  const auto lines = list<std::vector<std::string>>(file, "tokenizer.ggml.merges");
  if (!lines) return lines.error();
  const auto merges = cut_merges(*lines);
  if (!merges) return merges.error();
  std::vector<Bpe::Entry> entries;
  entries.reserve(tokens->size());
  for (std::size_t id = 0; id < tokens->size(); ++id) entries.push_back({(*tokens)[id], static_cast<std::int64_t>(id)});
  BpeOptions options;
  options.ignore_merges = ignore_merges;
  auto bpe = Bpe::make(std::move(entries), *merges, options);
  if (!bpe) return with_context(bpe.error(), "tokenizer.ggml");
  parts.bpe = *std::move(bpe);
  if (!file.has("tokenizer.ggml.token_type")) return {};
  const auto types = list<std::vector<std::int64_t>>(file, "tokenizer.ggml.token_type");
  if (!types) return types.error();
  for (std::size_t id = 0; id < tokens->size() && id < types->size(); ++id) {
    const auto type = (*types)[id];
    if (type != control_token && type != user_defined_token) continue;
    AddedToken token;
    token.id = static_cast<TokenId>(id);
    token.content = (*tokens)[id];
    token.special = type == control_token;
    parts.added.add(std::move(token));
  }
  return {};
}

Result<void> read_special(const GgufFile& file, TokenizerParts& parts) {
  constexpr std::pair<const char*, const char*> names[] = {
      {"bos", "bos_token"}, {"eos", "eos_token"}, {"padding", "pad_token"}, {"unknown", "unk_token"}};
  for (const auto& [key, name] : names) {
    const std::string whole = std::string("tokenizer.ggml.") + key + "_token_id";
    if (!file.has(whole)) continue;
    const auto id = file.integer(whole);
    if (!id) return id.error();
    const auto token = *id > token_id_max ? std::nullopt : parts.bpe->token_of(static_cast<TokenId>(*id));
    if (!token) return invalid(file.path().string() + ": " + whole + ": there is no token " + std::to_string(*id), whole);
    parts.special[name] = *token;
  }
  return {};
}

nlohmann::json bos_template(const TokenizerParts& parts) {
  const std::string& bos = parts.special.at("bos_token");
  const nlohmann::json special = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const auto text = [](const char* name, int type) -> nlohmann::json { return {{"Sequence", {{"id", name}, {"type_id", type}}}}; };
  const nlohmann::json second = {{"SpecialToken", {{"id", bos}, {"type_id", 1}}}};
  return {{"type", "TemplateProcessing"},
          {"single", {special, text("A", 0)}},
          {"pair", {special, text("A", 0), second, text("B", 1)}},
          {"special_tokens", {{bos, {{"id", bos}, {"ids", {*parts.id_of(bos)}}, {"tokens", {bos}}}}}}};
}

Result<bool> adds_bos(const GgufFile& file, bool otherwise) {
  const auto at = file.metadata().find("tokenizer.ggml.add_bos_token");
  if (at == file.metadata().end()) return otherwise;
  if (const bool* value = std::get_if<bool>(&at->second)) return *value;
  return invalid(file.path().string() + ": tokenizer.ggml.add_bos_token: is not true or false", "tokenizer.ggml.add_bos_token");
}

Result<Convention> read_convention(const GgufFile& file) {
  const auto model = file.text("tokenizer.ggml.model");
  if (!model) return model.error();
  if (*model != "gpt2")
    return invalid(file.path().string() + ": tokenizer.ggml.model: \"" + *model + "\" is not supported; gpt2 (byte-level BPE) is",
                   "tokenizer.ggml.model");
  const std::string key = "tokenizer.ggml.pre";
  const auto name = file.has(key) ? file.text(key) : Result<std::string>(std::string("default"));
  if (!name) return name.error();
  auto convention = convention_named(*name);
  if (convention) return *std::move(convention);
  return invalid(file.path().string() + ": " + key + ": \"" + *name +
                     "\" is not supported; default, gpt-2, smollm, llama-bpe and qwen2 are",
                 key);
}

}  // namespace

Result<TokenizerParts> load_tokenizer_gguf(const std::filesystem::path& path) {
  const auto file = GgufFile::open(path);
  if (!file) return file.error();
  const auto convention = read_convention(*file);
  if (!convention) return convention.error();
  TokenizerParts parts;
  if (auto done = read_vocabulary(*file, convention->ignore_merges, parts); !done) {
    const bool named = done.error().message.find(path.string()) != std::string::npos;
    return named ? done.error() : with_context(done.error(), path.string());
  }
  if (auto done = read_special(*file, parts); !done) return done.error();
  const auto bos = adds_bos(*file, convention->adds_bos);
  if (!bos) return bos.error();
  nlohmann::json post = byte_level(true);
  if (*bos && parts.special.contains("bos_token")) post = bos_template(parts);
  const nlohmann::json pipeline = {{"normalizer", convention->normalizer},
                                   {"pre_tokenizer", convention->pre_tokenizer},
                                   {"post_processor", post},
                                   {"decoder", byte_level(true)}};
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
