// The decoders of tokenizer.json as stages that tokens flow through: ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace,
// BPEDecoder, WordPiece, CTC and Sequence. Decoding a whole list and decoding token by token run the same code, so that they agree.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/text/config_reader.hpp"

namespace luthier::text {

// One stage at work on one stream. A stage may get a token in several parts; every part is valid UTF-8.
class DecodeStage {
 public:
  virtual ~DecodeStage() = default;
  virtual void push(std::string_view part, bool ends_token) = 0;
  virtual void finish() = 0;  // no more tokens
  void set_next(DecodeStage* next) { next_ = next; }

 protected:
  void emit(std::string_view part, bool ends_token) { next_->push(part, ends_token); }
  void emit_finish() { next_->finish(); }

 private:
  DecodeStage* next_ = nullptr;
};

// A decoder is what makes its stages, one set for each stream.
using MakeStage = std::function<std::unique_ptr<DecodeStage>()>;
using TokenDecoder = std::vector<MakeStage>;

// Without a decoder (null) tokens are joined with blanks. Unknown kinds are a mistake in `config`.
TokenDecoder make_token_decoder(const ConfigReader& config, int depth = 0);

class DecodeStream {
 public:
  explicit DecodeStream(const TokenDecoder& decoder);
  ~DecodeStream();
  DecodeStream(const DecodeStream&) = delete;
  DecodeStream& operator=(const DecodeStream&) = delete;

  std::string push(std::string_view token);
  std::string finish();

 private:
  class Collector;
  std::vector<std::unique_ptr<DecodeStage>> stages_;  // the last one is the collector
  Collector* collector_;
};

}  // namespace luthier::text
