// A request inside the engine: its tokens, how far the network has come, and the text made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpu/serve/generation.hpp"
#include "gpu/serve/kv_cache.hpp"
#include "gpu/serve/pool.hpp"
#include "gpu/serve/stop_filter.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::serve {

// Used by the engine's thread alone.
class Sequence {
 public:
  Sequence(GenerationRequest request, std::shared_ptr<Generation> generation, const text::Tokenizer& tokenizer);
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  const GenerationRequest& request() const { return request_; }
  Generation& generation() { return *generation_; }
  std::span<const std::int32_t> tokens() const { return tokens_; }  // the prompt's and the generated ones
  std::int64_t length() const { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t generated() const { return length() - static_cast<std::int64_t>(request_.prompt.size()); }
  const TokenCounts& counts() const { return counts_; }

  // What its text and its end become with one more token.
  struct Added {
    std::string text;
    std::vector<GeneratedToken> tokens;
    std::optional<FinishReason> finish;
  };
  Added add(GeneratedToken token, bool is_eos);

  std::int64_t computed = 0;     // tokens whose keys and values are in the blocks
  std::vector<BlockId> blocks;
  Pool pool;                     // of a request for an embedding: over the computed tokens

 private:
  GenerationRequest request_;
  std::shared_ptr<Generation> generation_;
  std::vector<std::int32_t> tokens_;
  TokenCounts counts_;
  text::StreamDecoder decoder_;
  StopFilter stop_;
};

}  // namespace luthier::serve
