#include "gpu/text/tokenizer.hpp"

#include <cassert>

#include "events/base/file.hpp"
#include "gpu/text/tokenizer_parts.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text {
namespace {

constexpr std::size_t text_bytes_max = std::size_t{1} << 29;  // places are 32 bits wide

const std::string no_text;

}  // namespace

struct Tokenizer::Model : TokenizerParts {};

std::optional<TokenId> TokenizerParts::id_of(std::string_view token) const {
  if (const AddedToken* known = added.find(token)) return known->id;
  return vocabulary().id_of(token);
}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  auto parts = path.extension() == ".gguf" ? load_tokenizer_gguf(path) : load_tokenizer_directory(path);
  if (!parts) return parts.error();
  Tokenizer tokenizer;
  tokenizer.model_ = std::make_shared<const Model>(Model{*std::move(parts)});
  return tokenizer;
}

namespace {

// Encodes one text; what is needed again for each part of it is allocated once.
class Encoder {
 public:
  Encoder(const TokenizerParts& parts, std::string_view text, bool placed) : parts_(parts), text_(text), placed_(placed) {}

  Result<void> run() {
    for (const auto& section : parts_.added.cut(text_, false)) {
      if (section.token != nullptr) {
        push(section.token->id, {static_cast<std::uint32_t>(section.begin), static_cast<std::uint32_t>(section.end)});
      } else if (auto done = ordinary(section.begin, section.end); !done) {
        return done;
      }
    }
    return {};
  }

  std::vector<PlacedToken>& tokens() { return tokens_; }

 private:
  void push(TokenId id, SourceRange at) { tokens_.push_back({id, at.begin, at.end}); }

  // Text without raw tokens: normalise it, cut it at the tokens that live in normalised text, and encode the rest.
  Result<void> ordinary(std::size_t begin, std::size_t end) {
    Aligned normal = aligned(text_.substr(begin, end - begin), begin, placed_ || (begin == 0 && parts_.heeds_start));
    if (parts_.normaliser)
      if (auto done = parts_.normaliser(normal); !done) return done;
    const auto sections = parts_.added.cut(normal.text, true);
    for (const auto& section : sections) {
      if (section.token != nullptr) {
        push(section.token->id, source_of(normal, section.begin, section.end));
        continue;
      }
      const bool whole = sections.size() == 1, first = begin == 0 && section.begin == 0 && source_of(normal, 0, 1).begin == 0;
      auto done = words(whole ? std::move(normal) : part(normal, section.begin, section.end), first);
      if (!done || whole) return done;
    }
    return {};
  }

  static Aligned part(const Aligned& from, std::size_t begin, std::size_t end) {
    Rewriter out(from);
    out.keep(begin, end);
    return out.take();
  }

  Result<void> words(Aligned text, bool first) {
    const auto length = static_cast<std::uint32_t>(text.text.size());
    if (length == 0) return {};
    Pieces pieces{std::move(text), {{0, length, first}}};
    if (parts_.pre_tokenizer)
      if (auto done = parts_.pre_tokenizer(pieces); !done) return done;
    for (const Piece& piece : pieces.pieces) {
      symbols_.clear();
      if (!parts_.model->encode(std::string_view(pieces.text.text).substr(piece.begin, piece.end - piece.begin), symbols_))
        return invalid("the text has something that the vocabulary lacks, and the vocabulary has no unknown token");
      std::size_t at = piece.begin;
      for (const auto& [id, bytes] : symbols_) {
        push(id, source_of(pieces.text, at, at + bytes));
        at += bytes;
      }
    }
    return {};
  }

  const TokenizerParts& parts_;
  std::string_view text_;
  bool placed_;
  std::vector<PlacedToken> tokens_;
  std::vector<Symbol> symbols_;
};

}  // namespace

Result<std::vector<PlacedToken>> Tokenizer::encode_any(std::string_view text, bool add_special, bool placed) const {
  if (text.size() > text_bytes_max)
    return Error{ErrorCode::limit, "the text is longer than " + std::to_string(text_bytes_max) + " bytes", {}};
  if (const auto at = first_invalid_utf8(text)) return invalid("the text is not UTF-8 at byte " + std::to_string(*at));
  Encoder encoder(*model_, text, placed);
  auto& tokens = encoder.tokens();
  const auto add = [&](const std::vector<TokenId>& ids, std::uint32_t at) {
    for (const TokenId id : ids) tokens.push_back({id, at, at});
  };
  if (add_special) add(model_->post_processor.before, 0);
  if (auto done = encoder.run(); !done) return done.error();
  if (add_special) add(model_->post_processor.after, static_cast<std::uint32_t>(text.size()));
  return std::move(tokens);
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, bool add_special) const {
  auto tokens = encode_any(text, add_special, false);
  if (!tokens) return tokens.error();
  std::vector<TokenId> ids(tokens->size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = (*tokens)[i].id;
  return ids;
}

Result<std::vector<PlacedToken>> Tokenizer::encode_placed(std::string_view text, bool add_special) const {
  return encode_any(text, add_special, true);
}

std::optional<std::string_view> Tokenizer::shown(TokenId id, bool skip_special) const {
  if (const AddedToken* added = model_->added.find(id))
    return skip_special && added->special ? std::nullopt : std::optional<std::string_view>(added->shown);
  const auto token = model_->vocabulary().token_of(id);
  if (!token || !skip_special) return token;
  const AddedToken* same = model_->added.find(*token);
  return same != nullptr && same->special ? std::nullopt : token;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  DecodeStream stream(model_->decoder);
  std::string text;
  for (const TokenId id : ids)
    if (const auto token = shown(id, skip_special)) text += stream.push(*token);
  return text + stream.finish();
}

std::int64_t Tokenizer::vocab_size() const {
  std::int64_t end = model_->vocabulary().id_end();
  for (const auto& token : model_->added.all()) end = std::max<std::int64_t>(end, token.id + 1);
  return end;
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const { return model_->id_of(token); }

std::optional<TokenId> Tokenizer::bos() const { return token_to_id(special_token("bos_token")); }
std::optional<TokenId> Tokenizer::eos() const { return token_to_id(special_token("eos_token")); }

bool Tokenizer::adds_bos() const {
  const auto& before = model_->post_processor.before;
  return !before.empty() && bos() == before.front();
}

const std::string& Tokenizer::chat_template() const { return chat_template("default"); }

const std::string& Tokenizer::chat_template(const std::string& name) const {
  const auto at = model_->templates.find(name);
  return at == model_->templates.end() ? no_text : at->second;
}

std::string Tokenizer::special_token(std::string_view name) const {
  const auto at = model_->special.find(std::string(name));
  return at == model_->special.end() ? std::string() : at->second;
}

Result<void> Tokenizer::save(const std::filesystem::path& directory) const {
  const bool exports = model_->files.empty();
  const FileContents exported = exports ? export_tokenizer(*model_) : FileContents{};
  for (const auto& [name, content] : exports ? exported : model_->files) {
    const auto path = directory / name;
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    if (failed) return file_error(path.parent_path(), failed.value());
    if (auto written = write_file_durably(path, content); !written) return written;
  }
  return {};
}

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)),
      skip_special_(skip_special),
      stream_(std::make_unique<DecodeStream>(tokenizer_.model_->decoder)) {}
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::push(TokenId id) {
  const auto token = tokenizer_.shown(id, skip_special_);
  return token ? stream_->push(*token) : std::string();
}

std::string StreamDecoder::finish() { return stream_->finish(); }

}  // namespace luthier::text
