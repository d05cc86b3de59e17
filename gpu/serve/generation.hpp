// One request to generate, as its caller sees it while the engine works on it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/serve/lora.hpp"
#include "gpu/serve/sampling.hpp"

namespace luthier::serve {

struct GenerationRequest {
  std::vector<std::int32_t> prompt;
  std::shared_ptr<const LoadedAdapter> adapter;  // nullptr: the base model
  Sampling sampling;
  std::int64_t tokens_max = 16;
  std::vector<std::string> stops;
  bool ignore_eos = false;
  std::int64_t logprobs_top = -1;  // -1: none; n: of the token itself and of the n likeliest
  bool is_embedding = false;       // nothing is generated: the prompt's embedding (pool.hpp) is all that is asked for
};

enum class FinishReason { stop, length, cancelled };
std::string_view to_string(FinishReason reason);

struct GeneratedToken {
  std::int32_t id = 0;
  std::vector<TokenLogprob> logprobs;
};

struct Piece {
  std::string text;                     // whole UTF-8 characters, never a part of a stop string
  std::vector<GeneratedToken> tokens;   // all generated since the last piece, without the end token
  std::optional<FinishReason> finish;   // the last piece has it
  std::vector<float> embedding;         // of a request for one, with the last piece
};

// Filled by the engine's thread, emptied by one caller. Dropping the last copy is not enough to end the work: cancel().
class Generation {
 public:
  // Everything new, as one piece; nothing when the time has passed without news.
  std::optional<Piece> wait(std::chrono::milliseconds timeout);
  // Waits for the end.
  Piece wait_all();
  void cancel();

  std::int64_t prompt_tokens() const { return prompt_tokens_; }
  std::int64_t completion_tokens() const;  // so far, with the end token

 private:
  friend class Engine;
  void add(std::string text, std::vector<GeneratedToken> tokens, std::int64_t completion_tokens,
           std::optional<FinishReason> finish);
  void add_embedding(std::vector<float> embedding);
  bool cancelled() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_, ended_;  // who waits for the end is not woken for every token: that would take a processor each time
  Piece news_;
  bool has_news_ = false, cancelled_ = false;
  std::int64_t prompt_tokens_ = 0, completion_tokens_ = 0;
};

// Cancels what its owner no longer waits for.
class CancelOnExit {
 public:
  explicit CancelOnExit(std::shared_ptr<Generation> generation) : generation_(std::move(generation)) {}
  ~CancelOnExit() { if (generation_) generation_->cancel(); }
  CancelOnExit(CancelOnExit&&) = default;
  CancelOnExit& operator=(CancelOnExit&&) = delete;
  Generation& operator*() const { return *generation_; }
  Generation* operator->() const { return generation_.get(); }

 private:
  std::shared_ptr<Generation> generation_;
};

}  // namespace luthier::serve
