#include "gpu/text/unigram.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "gpu/text/model_config.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

constexpr double unknown_penalty = 10;  // below the lowest score

std::vector<std::pair<std::string_view, std::int32_t>> numbered(const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string_view, std::int32_t>> tokens;
  tokens.reserve(vocabulary.entries().size());
  for (const auto& [token, id] : vocabulary.entries()) tokens.emplace_back(token, static_cast<std::int32_t>(id));
  return tokens;
}

}  // namespace

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, UnigramOptions options)
    : TokenModel(std::move(vocabulary)),
      scores_(std::move(scores)),
      options_(options),
      unknown_score_(std::numeric_limits<double>::infinity()),
      trie_(numbered(this->vocabulary())),
      byte_tokens_(this->vocabulary().byte_tokens()) {
  for (const double score : scores_) unknown_score_ = std::min(unknown_score_, score);
  unknown_score_ -= unknown_penalty;
}

Result<std::shared_ptr<const Unigram>> Unigram::make(std::vector<UnigramPiece> pieces, UnigramOptions options) {
  if (options.unknown && static_cast<std::size_t>(*options.unknown) >= pieces.size())
    return invalid("unk_id: " + std::to_string(*options.unknown) + " is not below the number of tokens, " + std::to_string(pieces.size()));
  std::vector<Vocabulary::Entry> entries;
  std::vector<double> scores;
  entries.reserve(pieces.size());
  scores.reserve(pieces.size());
  for (auto& [token, score] : pieces) {
    entries.push_back({std::move(token), static_cast<std::int64_t>(entries.size())});
    scores.push_back(score);
  }
  auto vocabulary = Vocabulary::make(std::move(entries), Vocabulary::Repeated::later_counts);
  if (!vocabulary) return vocabulary.error();
  if (auto good = check_trie_size(*vocabulary); !good) return good.error();
  return std::shared_ptr<const Unigram>(new Unigram(*std::move(vocabulary), std::move(scores), options));
}

// One word on its way. Wherever no token reaches across a place, what stands before it is decided, and its nodes are needed no more.
class Unigram::Run {
 public:
  Run(const Unigram& model, std::string_view word, std::vector<Symbol>& out) : model_(model), word_(word), out_(out) {}

  bool encode() {
    nodes_.assign(1, {});
    std::size_t reach = 0;
    for (std::size_t at = 0; at < word_.size();) {
      if (reach == at && at > 0) decide(at);
      const std::size_t length = code_point_at(word_, at).bytes;
      const auto longest = extend(at, length);
      if (!longest) return false;
      reach = std::max(reach, at + *longest);
      at += length;
    }
    if (!word_.empty()) decide(word_.size());
    flush_unknown();
    return true;
  }

 private:
  Node& node(std::size_t at) {
    if (nodes_.size() <= at - begin_) nodes_.resize(at - begin_ + 1);
    return nodes_[at - begin_];
  }

  // All tokens that start at `at`, where a character of `length` bytes stands. How far the longest reaches; none: the unknown token is
  // needed and there is none.
  std::optional<std::size_t> extend(std::size_t at, std::size_t length) {
    const double before = node(at).score;
    std::size_t longest = length;
    bool is_known = false;
    const auto consider = [&](std::size_t bytes, TokenId id, double score) {
      Node& end = node(at + bytes);
      if (end.length == 0 || score > end.score) end = {score, id, static_cast<std::uint32_t>(bytes)};
    };
    std::uint32_t place = TokenTrie::root;
    for (std::size_t end = at; end < word_.size();) {
      place = model_.trie_.child(place, static_cast<unsigned char>(word_[end++]));
      if (place == TokenTrie::none) break;
      const TokenId id = model_.trie_.number(place);
      if (id < 0) continue;
      consider(end - at, id, model_.scores_[static_cast<std::size_t>(id)] + before);
      is_known = is_known || end - at == length;
      longest = std::max(longest, end - at);
    }
    if (is_known) return longest;
    const double score = model_.unknown_score_ + before;
    if (const Node& end = node(at + length); end.length != 0 && !(score > end.score)) return longest;
    if (!model_.options_.unknown) return std::nullopt;
    consider(length, *model_.options_.unknown, score);
    return longest;
  }

  void decide(std::size_t end) {
    path_.clear();
    for (std::size_t at = end; at > begin_; at -= nodes_[at - begin_].length) path_.push_back({nodes_[at - begin_].id, nodes_[at - begin_].length});
    nodes_[0] = {nodes_[end - begin_].score, -1, 0};
    std::size_t at = begin_;
    for (auto symbol = path_.rbegin(); symbol != path_.rend(); ++symbol) {
      if (model_.options_.unknown == symbol->id) {
        if (unknown_bytes_ == 0) unknown_begin_ = at;
        unknown_bytes_ += symbol->bytes;
      } else {
        flush_unknown();
        out_.push_back(*symbol);
      }
      at += symbol->bytes;
    }
    nodes_.resize(1);
    begin_ = end;
  }

  // Neighbouring unknown characters are one token, which may even be a known one.
  void flush_unknown() {
    if (unknown_bytes_ == 0) return;
    const auto text = word_.substr(unknown_begin_, unknown_bytes_);
    const auto id = model_.vocabulary().id_of(text);
    const auto has_token = [&](char c) { return model_.byte_tokens_[static_cast<unsigned char>(c)] >= 0; };
    if (!id && model_.options_.byte_fallback && std::all_of(text.begin(), text.end(), has_token)) {
      for (const char c : text) out_.push_back({model_.byte_tokens_[static_cast<unsigned char>(c)], 1});
    } else {
      out_.push_back({id.value_or(*model_.options_.unknown), static_cast<std::uint32_t>(unknown_bytes_)});
    }
    unknown_bytes_ = 0;
  }

  const Unigram& model_;
  std::string_view word_;
  std::vector<Symbol>& out_;
  std::vector<Node> nodes_;     // of the places from begin_ on
  std::vector<Symbol> path_;
  std::size_t begin_ = 0, unknown_begin_ = 0, unknown_bytes_ = 0;
};

bool Unigram::encode(std::string_view word, std::vector<Symbol>& out) const { return Run(*this, word, out).encode(); }

nlohmann::json Unigram::json() const {
  nlohmann::json vocab = nlohmann::json::array();
  for (const auto& [token, id] : vocabulary().entries()) vocab.push_back({token, scores_[static_cast<std::size_t>(id)]});
  return {{"type", "Unigram"},
          {"unk_id", options_.unknown ? nlohmann::json(*options_.unknown) : nlohmann::json()},
          {"vocab", std::move(vocab)},
          {"byte_fallback", options_.byte_fallback}};
}

std::shared_ptr<const TokenModel> make_unigram(const ConfigReader& config) {
  UnigramOptions options;
  options.byte_fallback = config.flag("byte_fallback", false);
  if (config.has("unk_id")) {
    const auto id = config["unk_id"].as_integer();
    if (id < 0 || id > token_id_max) config["unk_id"].fail("is not from 0 to " + std::to_string(token_id_max));
    options.unknown = static_cast<TokenId>(id);
  }
  const auto vocab = config["vocab"];
  const std::size_t count = vocab.size();
  std::vector<UnigramPiece> pieces;
  pieces.reserve(count);
  for (std::size_t i = 0; i < count && !config.failed(); ++i) {
    const auto& piece = vocab.json()[i];
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      vocab[i].fail("is not a token and its score, for example [\"\xE2\x96\x81the\", -3.5]");
    } else {
      pieces.push_back({piece[0].get<std::string>(), piece[1].get<double>()});
    }
  }
  if (config.failed()) return nullptr;
  auto made = Unigram::make(std::move(pieces), options);
  if (!made) return config.fail(made.error()), nullptr;
  return *std::move(made);
}

}  // namespace luthier::text
