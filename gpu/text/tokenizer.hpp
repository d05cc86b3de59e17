// Text to token ids and back, as the tokenizer.json of a Hugging Face directory or the metadata of a GGUF file says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::text {

using TokenId = std::int32_t;

// A token and the bytes [begin, end) of the text that it came from; empty for what the post-processor added. Tokens that
// share a character all have the whole character.
struct PlacedToken {
  TokenId id;
  std::uint32_t begin, end;
};

class DecodeStream;

// Immutable once loaded and safe to use from many threads.
class Tokenizer {
 public:
  // `path` is a model directory (tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja) or a
  // .gguf file.
  static Result<Tokenizer> load(const std::filesystem::path& path);

  // add_special: what the post-processor adds (BOS …). The text's own special tokens are recognised in either case.
  Result<std::vector<TokenId>> encode(std::string_view text, bool add_special) const;
  Result<std::vector<PlacedToken>> encode_placed(std::string_view text, bool add_special) const;
  // Ids that are no token are left out.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  std::int64_t vocab_size() const;  // one more than the highest id
  std::optional<TokenId> token_to_id(std::string_view token) const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  bool adds_bos() const;  // encode(…, true) puts a BOS token in front

  // The chat template's source (Jinja), empty when the model has none.
  const std::string& chat_template() const;
  // A model may have several: "default", "tool_use" … Empty when there is none of that name.
  const std::string& chat_template(const std::string& name) const;
  // Strings that a template may name: "bos_token", "eos_token", "pad_token", "unk_token"; empty when absent.
  std::string special_token(std::string_view name) const;

  // Writes tokenizer.json and tokenizer_config.json (with the chat template) so that Hugging Face's libraries load the same
  // tokenizer: the original files when it came from a directory, the equivalent ones when it came from a GGUF file.
  Result<void> save(const std::filesystem::path& directory) const;

 private:
  friend class StreamDecoder;
  struct Model;
  Result<std::vector<PlacedToken>> encode_any(std::string_view text, bool add_special, bool placed) const;
  // The token that an id shows as; none for unknown ids and, if asked, for special tokens.
  std::optional<std::string_view> shown(TokenId id, bool skip_special) const;

  std::shared_ptr<const Model> model_;
};

// Decodes one id at a time without ever showing half of a UTF-8 character.
class StreamDecoder {
 public:
  StreamDecoder(Tokenizer tokenizer, bool skip_special);
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;
  ~StreamDecoder();
  std::string push(TokenId id);  // what can be shown now; may be empty
  std::string finish();          // what was held back; all pieces joined are what decode() gives

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::unique_ptr<DecodeStream> stream_;
};

}  // namespace luthier::text
