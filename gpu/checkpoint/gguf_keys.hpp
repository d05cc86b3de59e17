// Metadata of a GGUF file, one key at a time: keeps the first error, so that a reader asks once at the end.
#pragma once

#include <optional>
#include <string>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/gguf.hpp"

namespace luthier::checkpoint {

class GgufKeys {
 public:
  explicit GgufKeys(const GgufFile& file) : file_(file) {}

  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most);
  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most, std::int64_t otherwise);
  double number(const std::string& key);  // from 0
  void keep(const Error& error);
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
