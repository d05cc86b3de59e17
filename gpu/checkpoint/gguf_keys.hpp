// Metadata of a GGUF file, one key at a time: keeps the first error, so that a reader asks once at the end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/gguf.hpp"

namespace luthier::checkpoint {

class GgufKeys {
 public:
  explicit GgufKeys(const GgufFile& file) : file_(file) {}

  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most);
  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most, std::int64_t otherwise);
  // As many as there are layers: an array of them, or one number for all.
  std::vector<std::int64_t> of_layers(const std::string& key, std::int64_t least, std::int64_t most, std::int64_t layers);
  double number(const std::string& key);  // from 0
  void keep(const Error& error);
  void refuse(const std::string& key, const std::string& why);  // "FILE: metadata KEY: WHY"
  const std::optional<Error>& error() const { return error_; }
  const GgufFile& file() const { return file_; }

 private:
  const GgufFile& file_;
  std::optional<Error> error_;
};

// `prefix` is the family's: "llama."
std::int64_t gguf_vocab_size(GgufKeys& keys, const std::string& prefix);
// Which tokens begin, fill and end a text.
void read_gguf_token_ids(GgufKeys& keys, Decoder& decoder);

}  // namespace luthier::checkpoint
