#include "gpu/text/model_config.hpp"

#include <nlohmann/json.hpp>

#include "gpu/text/bpe.hpp"
#include "gpu/text/token_model.hpp"
#include "gpu/text/unigram.hpp"
#include "gpu/text/word_level.hpp"
#include "gpu/text/word_piece.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t tokens_bytes_max = 16 << 20, token_bytes_max = 1024;

// Files from before `type` was written.
std::string type_of(const ConfigReader& config) {
  if (config.has("merges")) return "BPE";
  if (config["vocab"].is_list()) return "Unigram";
  return config.has("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

}  // namespace

std::optional<Vocabulary> read_vocabulary(const ConfigReader& config) {
  if (!config.is_object()) return config.fail("is not an object of tokens and ids"), std::nullopt;
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(config.json().size());
  for (const auto& [token, id] : config.json().items()) {
    if (!id.is_number_integer()) return config.fail("the id of " + in_quotes(token) + " is not an integer"), std::nullopt;
    entries.push_back({token, id.is_number_unsigned() && id.get<std::uint64_t>() > INT64_MAX ? INT64_MAX : id.get<std::int64_t>()});
  }
  auto vocabulary = Vocabulary::make(std::move(entries));
  if (!vocabulary) return config.fail(vocabulary.error()), std::nullopt;
  return *std::move(vocabulary);
}

Result<void> check_trie_size(const Vocabulary& vocabulary) {
  std::size_t bytes = 0;
  for (const auto& [token, id] : vocabulary.entries()) {
    bytes += token.size();
    if (token.size() > token_bytes_max)
      return invalid("vocab: the token with the id " + std::to_string(id) + " has more than " + std::to_string(token_bytes_max) + " bytes");
  }
  if (bytes > tokens_bytes_max) return invalid("vocab: the tokens have more than " + std::to_string(tokens_bytes_max) + " bytes in all");
  return {};
}

std::shared_ptr<const TokenModel> make_token_model(const ConfigReader& config) {
  if (config.failed()) return nullptr;
  if (!config.is_object()) return config.fail("is not an object"), nullptr;
  const std::string type = config.has("type") ? config.text("type") : type_of(config);
  if (type == "BPE") return make_bpe(config);
  if (type == "Unigram") return make_unigram(config);
  if (type == "WordPiece") return make_word_piece(config);
  if (type == "WordLevel") return make_word_level(config);
  config["type"].fail("the model " + in_quotes(type) + " is not supported; BPE, Unigram, WordPiece and WordLevel are");
  return nullptr;
}

}  // namespace luthier::text
