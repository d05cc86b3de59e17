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

// Immutable once loaded and safe to use from many threads.
class Tokenizer {
 public:
  // `path` is a model directory (tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja) or a
  // .gguf file.
  static Result<Tokenizer> load(const std::filesystem::path& path);

  // add_special: what the post-processor adds (BOS …). The text's own special tokens are recognised in either case.
  Result<std::vector<TokenId>> encode(std::string_view text, bool add_special) const;
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  std::int64_t vocab_size() const;
  std::optional<TokenId> token_to_id(std::string_view token) const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  bool adds_bos() const;  // encode(…, true) puts a BOS token in front

  // The chat template's source (Jinja), empty when the model has none.
  const std::string& chat_template() const;
  // Strings that a template may name: "bos_token", "eos_token", "pad_token", "unk_token"; empty when absent.
  std::string special_token(std::string_view name) const;

  // Writes tokenizer.json and tokenizer_config.json (with the chat template) so that Hugging Face's libraries load the same
  // tokenizer: the original files when it came from a directory, the equivalent ones when it came from a GGUF file.
  Result<void> save(const std::filesystem::path& directory) const;

 private:
  friend class StreamDecoder;
  struct Model;
  std::shared_ptr<const Model> model_;
};

// Decodes one id at a time without ever showing half of a UTF-8 character.
class StreamDecoder {
 public:
  StreamDecoder(Tokenizer tokenizer, bool skip_special) : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}
  std::string push(TokenId id);  // what can be shown now; may be empty
  std::string finish();          // what was held back

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::string held_;
  std::vector<TokenId> seen_;
};

}  // namespace luthier::text
