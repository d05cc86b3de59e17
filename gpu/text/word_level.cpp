#include "gpu/text/word_level.hpp"

#include <nlohmann/json.hpp>

#include "gpu/text/model_config.hpp"

namespace luthier::text {

bool WordLevel::encode(std::string_view word, std::vector<Symbol>& out) const {
  auto id = vocabulary().id_of(word);
  if (!id) id = unknown_id_;
  if (!id) return false;
  out.push_back({*id, static_cast<std::uint32_t>(word.size())});
  return true;
}

nlohmann::json WordLevel::json() const {
  nlohmann::json vocab = nlohmann::json::object();
  for (const auto& [token, id] : vocabulary().entries()) vocab[token] = id;
  return {{"type", "WordLevel"}, {"vocab", std::move(vocab)}, {"unk_token", unknown_}};
}

std::shared_ptr<const TokenModel> make_word_level(const ConfigReader& config) {
  auto vocabulary = read_vocabulary(config["vocab"]);
  auto unknown = config.text("unk_token");
  if (config.failed()) return nullptr;
  return std::make_shared<WordLevel>(*std::move(vocabulary), std::move(unknown));
}

}  // namespace luthier::text
