#include "gpu/text/word_piece.hpp"

#include <nlohmann/json.hpp>

#include "gpu/text/model_config.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

std::vector<std::pair<std::string_view, std::int32_t>> numbered(const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string_view, std::int32_t>> tokens;
  tokens.reserve(vocabulary.entries().size());
  for (const auto& [token, id] : vocabulary.entries()) tokens.emplace_back(token, static_cast<std::int32_t>(id));
  return tokens;
}

}  // namespace

WordPiece::WordPiece(Vocabulary vocabulary, WordPieceOptions options)
    : TokenModel(std::move(vocabulary)),
      options_(std::move(options)),
      unknown_id_(this->vocabulary().id_of(options_.unknown)),
      trie_(numbered(this->vocabulary())),
      inner_(trie_.child(TokenTrie::root, options_.subword_prefix)) {}

Result<std::shared_ptr<const WordPiece>> WordPiece::make(Vocabulary vocabulary, WordPieceOptions options) {
  if (auto good = check_trie_size(vocabulary); !good) return good.error();
  return std::shared_ptr<const WordPiece>(new WordPiece(std::move(vocabulary), std::move(options)));
}

bool WordPiece::cut(std::string_view word, std::vector<Symbol>& out) const {
  for (std::size_t begin = 0; begin < word.size();) {
    std::uint32_t node = begin == 0 ? TokenTrie::root : inner_;
    Symbol longest{-1, 0};
    for (std::size_t at = begin; at < word.size() && node != TokenTrie::none; ++at) {
      node = trie_.child(node, static_cast<unsigned char>(word[at]));
      if (node != TokenTrie::none && trie_.number(node) >= 0) longest = {trie_.number(node), static_cast<std::uint32_t>(at + 1 - begin)};
    }
    if (longest.id < 0) return false;
    out.push_back(longest);
    begin += longest.bytes;
  }
  return true;
}

bool WordPiece::encode(std::string_view word, std::vector<Symbol>& out) const {
  const std::size_t from = out.size();
  const auto characters_max = static_cast<std::size_t>(options_.characters_max);
  if ((word.size() <= characters_max || count_code_points(word) <= characters_max) && cut(word, out)) return true;
  out.resize(from);
  if (!unknown_id_) return false;
  out.push_back({*unknown_id_, static_cast<std::uint32_t>(word.size())});
  return true;
}

nlohmann::json WordPiece::json() const {
  nlohmann::json vocab = nlohmann::json::object();
  for (const auto& [token, id] : vocabulary().entries()) vocab[token] = id;
  return {{"type", "WordPiece"},
          {"vocab", std::move(vocab)},
          {"unk_token", options_.unknown},
          {"continuing_subword_prefix", options_.subword_prefix},
          {"max_input_chars_per_word", options_.characters_max}};
}

std::shared_ptr<const TokenModel> make_word_piece(const ConfigReader& config) {
  WordPieceOptions options;
  options.unknown = config.text("unk_token", options.unknown);
  options.subword_prefix = config.text("continuing_subword_prefix", options.subword_prefix);
  options.characters_max = config.integer("max_input_chars_per_word", options.characters_max);
  if (options.characters_max < 0) config["max_input_chars_per_word"].fail("is negative");
  auto vocabulary = read_vocabulary(config["vocab"]);
  if (config.failed()) return nullptr;
  auto made = WordPiece::make(*std::move(vocabulary), std::move(options));
  if (!made) return config.fail(made.error()), nullptr;
  return *std::move(made);
}

}  // namespace luthier::text
