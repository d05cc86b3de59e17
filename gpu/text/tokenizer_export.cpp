#include <algorithm>
#include <nlohmann/json.hpp>

#include "gpu/text/tokenizer_parts.hpp"

namespace luthier::text {
namespace {

nlohmann::json added_tokens(const TokenizerParts& parts) {
  auto tokens = parts.added.all();
  std::sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  nlohmann::json list = nlohmann::json::array();
  for (const auto& token : tokens)
    list.push_back({{"id", token.id},
                    {"content", token.content},
                    {"single_word", token.single_word},
                    {"lstrip", token.left_strip},
                    {"rstrip", token.right_strip},
                    {"normalized", token.normalized},
                    {"special", token.special}});
  return list;
}

}  // namespace

FileContents export_tokenizer(const TokenizerParts& parts) {
  auto tokenizer = nlohmann::json::parse(parts.pipeline);
  tokenizer["version"] = "1.0";
  tokenizer["truncation"] = nullptr;
  tokenizer["padding"] = nullptr;
  tokenizer["added_tokens"] = added_tokens(parts);
  tokenizer["model"] = parts.model->json();
  // No add_bos_token: the post-processor says it.
  nlohmann::json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  for (const auto& [name, token] : parts.special) config[name] = token;
  const auto chat = parts.templates.find("default");
  if (chat != parts.templates.end()) config["chat_template"] = chat->second;
  return {{"tokenizer.json", tokenizer.dump()}, {"tokenizer_config.json", config.dump(1)}};
}

}  // namespace luthier::text
