// A tokenizer from a Hugging Face directory: tokenizer.json, and what transformers adds from the files beside it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "events/base/file.hpp"
#include "gpu/text/tokenizer_parts.hpp"
#include "gpu/text/tokenizer_vocab_txt.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t tokenizer_bytes_max = 48 << 20, config_bytes_max = 8 << 20;
constexpr std::size_t templates_max = 100;
constexpr const char* named_tokens[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

Result<nlohmann::json> parse(const std::string& text, const std::filesystem::path& file) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& failure) {
    return invalid(file.string() + ": is not JSON: " + failure.what());
  }
}

Result<std::string> read_if_there(const std::filesystem::path& file, std::size_t bytes_max) {
  auto text = read_text(file, bytes_max);
  if (!text && text.error().code == ErrorCode::not_found) return std::string();
  return text;
}

AddedToken read_added_token(const ConfigReader& config) {
  AddedToken token;
  token.content = config.text("content");
  token.special = config.flag("special", false);
  token.normalized = config.flag("normalized", !token.special);
  token.left_strip = config.flag("lstrip", false);
  token.right_strip = config.flag("rstrip", false);
  token.single_word = config.flag("single_word", false);
  return token;
}

// The vocabulary's id for a token counts more than the one written beside the token.
void add_token(AddedToken token, std::int64_t id, const ConfigReader& config, TokenizerParts& parts) {
  if (const auto known = parts.vocabulary().id_of(token.content)) id = *known;
  if (id < 0 || id > token_id_max) return config.fail("the id is not from 0 to " + std::to_string(token_id_max));
  token.id = static_cast<TokenId>(id);
  parts.added.add(std::move(token));
}

Result<void> read_tokenizer(const std::string& text, const std::filesystem::path& file, TokenizerParts& parts) {
  const auto json = parse(text, file);
  if (!json) return json.error();
  std::optional<Error> failure;
  const ConfigReader config(*json, "", failure);
  if (!config.is_object()) config.fail("is not a JSON object");
  parts.model = make_token_model(config["model"]);
  if (!config.failed()) read_pipeline(config, parts);
  const auto added = config["added_tokens"];
  const std::size_t count = config.failed() || added.is_null() ? 0 : added.size();
  for (std::size_t i = 0; i < count && !config.failed(); ++i)
    add_token(read_added_token(added[i]), added[i]["id"].as_integer(), added[i]["id"], parts);
  if (failure) return with_context(*failure, file.string());
  return {};
}

// A token is written as its text or as an object with a member "content".
std::string token_text(const ConfigReader& config) {
  return config.is_null() ? std::string() : config.is_text() ? config.as_text() : config.text("content");
}

std::int64_t next_id(const TokenizerParts& parts) {
  std::int64_t next = parts.vocabulary().id_end();
  for (const auto& token : parts.added.all()) next = std::max<std::int64_t>(next, token.id + 1);
  return next;
}

void add_special(const ConfigReader& token, TokenizerParts& parts) {
  const std::string content = token_text(token);
  if (token.failed() || content.empty() || parts.added.find(content) != nullptr) return;
  AddedToken added;
  if (token.is_object()) added = read_added_token(token);
  added.content = content;
  added.special = true;
  add_token(std::move(added), next_id(parts), token, parts);
}

void add_listed(const ConfigReader& list, TokenizerParts& parts) {
  if (!list.is_list()) return;
  for (std::size_t i = 0; i < list.size() && !list.failed(); ++i) add_special(list[i], parts);
}

// transformers makes special tokens of all that its configuration names, and knows some that tokenizer.json does not. Beside a
// tokenizer.json it heeds neither add_bos_token nor add_eos_token: the post-processor says what is added.
void read_named_tokens(const ConfigReader& config, TokenizerParts& parts) {
  const auto decoder = config["added_tokens_decoder"];
  if (decoder.is_object()) {
    for (const auto& [id, value] : decoder.json().items()) {
      const auto entry = decoder[id];
      if (config.failed() || id.size() > 9 || id.find_first_not_of("0123456789") != std::string::npos) break;
      auto token = read_added_token(entry);
      if (parts.added.find(token.content) == nullptr) add_token(std::move(token), std::stoll(id), entry, parts);
    }
  }
  for (const char* name : named_tokens) {
    const std::string content = token_text(config[name]);
    if (content.empty()) continue;
    parts.special[name] = content;
    add_special(config[name], parts);
  }
  add_listed(config["additional_special_tokens"], parts);
  add_listed(config["extra_special_tokens"], parts);
}

void read_templates(const ConfigReader& config, TokenizerParts& parts) {
  if (config.is_null()) return;
  if (!config.is_list()) {
    parts.templates["default"] = config.as_text();
    return;
  }
  if (config.size() > templates_max) return config.fail("has more than 100 templates");
  for (std::size_t i = 0; i < config.size(); ++i) parts.templates[config[i].text("name")] = config[i].text("template");
}

Result<void> read_config(const std::filesystem::path& directory, const FileContents& files, TokenizerParts& parts) {
  const auto content = [&](std::string_view name) {
    const auto at = std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.first == name; });
    return at == files.end() ? std::string("{}") : at->second;
  };
  const auto file = directory / "tokenizer_config.json", map_file = directory / "special_tokens_map.json";
  auto json = parse(content("tokenizer_config.json"), file);
  if (!json) return json.error();
  const auto map = parse(content("special_tokens_map.json"), map_file);
  if (!map) return map.error();
  if (!json->is_object()) return invalid(file.string() + ": is not a JSON object");
  if (!map->is_object()) return invalid(map_file.string() + ": is not a JSON object");
  if (!json->contains("added_tokens_decoder")) json->update(*map);  // older files keep the tokens there
  std::optional<Error> failure;
  const ConfigReader config(*json, "", failure);
  read_named_tokens(config, parts);
  read_templates(config["chat_template"], parts);
  if (failure) return with_context(*failure, file.string());
  return {};
}

// chat_template.jinja and additional_chat_templates/NAME.jinja count more than what the configuration holds.
Result<void> read_template_files(const std::filesystem::path& directory, TokenizerParts& parts) {
  const auto add = [&](const std::filesystem::path& name, const std::string& as) -> Result<void> {
    auto text = read_if_there(directory / name, config_bytes_max);
    if (!text) return text.error();
    if (text->empty()) return {};
    parts.templates[as] = *text;
    parts.files.emplace_back(name.string(), *std::move(text));
    return {};
  };
  if (auto done = add("chat_template.jinja", "default"); !done) return done;
  std::vector<std::filesystem::path> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(directory / "additional_chat_templates", failed), end; !failed && at != end;
       at.increment(failed))
    if (at->path().extension() == ".jinja" && names.size() < templates_max) names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  for (const auto& name : names)
    if (auto done = add(std::filesystem::path("additional_chat_templates") / name, name.stem().string()); !done) return done;
  return {};
}

Result<std::string> read_vocab_txt(const std::filesystem::path& directory) {
  const auto vocab = read_text(directory / "vocab.txt", config_bytes_max);
  if (!vocab) return vocab.error();
  const auto config = read_if_there(directory / "tokenizer_config.json", config_bytes_max);
  if (!config) return config.error();
  return tokenizer_of_vocab_txt(directory / "vocab.txt", *vocab, *config);
}

// Is there a Metaspace that marks only the first word?
bool marks_first(const nlohmann::json& pre_tokenizer) {
  if (!pre_tokenizer.is_object()) return false;
  const auto list = pre_tokenizer.find("pretokenizers");
  if (list != pre_tokenizer.end() && list->is_array()) return std::any_of(list->begin(), list->end(), marks_first);
  const auto scheme = pre_tokenizer.find("prepend_scheme");
  return scheme != pre_tokenizer.end() && *scheme == "first";
}

}  // namespace

void read_pipeline(const ConfigReader& config, TokenizerParts& parts) {
  parts.normaliser = make_normaliser(config["normalizer"]);
  parts.pre_tokenizer = make_pre_tokenizer(config["pre_tokenizer"]);
  parts.heeds_start = !config.failed() && parts.normaliser && marks_first(config["pre_tokenizer"].json());
  parts.post_processor = make_post_processor(config["post_processor"]);
  parts.decoder = make_token_decoder(config["decoder"]);
}

Result<TokenizerParts> load_tokenizer_directory(const std::filesystem::path& directory) {
  TokenizerParts parts;
  auto text = read_text(directory / "tokenizer.json", tokenizer_bytes_max);
  if (!text && text.error().code == ErrorCode::not_found && std::filesystem::exists(directory / "vocab.txt")) text = read_vocab_txt(directory);
  if (!text) return text.error();
  if (auto done = read_tokenizer(*text, directory / "tokenizer.json", parts); !done) return done.error();
  parts.files.emplace_back("tokenizer.json", *std::move(text));
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    auto config = read_if_there(directory / name, config_bytes_max);
    if (!config) return config.error();
    if (!config->empty()) parts.files.emplace_back(name, *std::move(config));
  }
  if (auto done = read_config(directory, parts.files, parts); !done) return done.error();
  if (auto done = read_template_files(directory, parts); !done) return done.error();
  if (auto done = parts.added.prepare(parts.normaliser); !done) return with_context(done.error(), (directory / "tokenizer.json").string());
  return parts;
}

}  // namespace luthier::text
