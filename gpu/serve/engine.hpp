// Generates for many requests at once: one thread takes requests from a bounded queue, forms a batch for every step
// (the next token of each running request, and parts of the prompts of new ones), runs the network, samples, and hands
// out text. Adapters come and go while it runs.
//
// What a request generates is the same, bit for bit, whoever shares its batches, however its prompt is cut, and if it
// is interrupted and computed again: see row_kernels.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/serve/adapter_registry.hpp"
#include "gpu/serve/generation.hpp"
#include "gpu/serve/panels.hpp"
#include "gpu/text/tokenizer.hpp"

namespace luthier::serve {

struct EngineOptions {
  int threads = 0;                                    // 0: all processors that the process may use
  std::size_t kv_memory_bytes = std::size_t{512} << 20;
  std::int64_t context_max = 0;                       // tokens of prompt and answer; 0: what the model allows
  std::int64_t requests_running_max = 32;             // in one batch
  std::int64_t requests_waiting_max = 64;
  std::int64_t step_tokens_max = 128;                 // rows of one step: how long a long prompt may hold up the others
  std::int64_t adapters_max = 64;
  WeightsKept weights = WeightsKept::as_stored;
};

struct EngineLoad {
  std::int64_t requests_running = 0, requests_waiting = 0;
  std::int64_t blocks_free = 0, blocks = 0;
  std::int64_t preemptions = 0;  // since the start
};

// Every function may be called from any thread.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> start(const std::filesystem::path& model, const EngineOptions& options);
  static Result<std::unique_ptr<Engine>> start(const std::filesystem::path& model, text::Tokenizer tokenizer, const EngineOptions& options);
  ~Engine();  // cancels what still runs

  const checkpoint::Decoder& decoder() const;
  const text::Tokenizer& tokenizer() const;
  std::int64_t context_max() const;  // also bounded by the key-value cache
  const EngineOptions& options() const;

  // Refused when the queue is full (limit), or when prompt and tokens_max do not fit in the context
  // (limit with a field). All of a
  // caller's requests are taken or none.
  Result<std::vector<std::shared_ptr<Generation>>> submit(std::vector<GenerationRequest> requests);
  void cancel_all();
  EngineLoad load() const;

  AdapterRegistry& adapters();

 private:
  static Result<std::unique_ptr<Engine>> start(const std::filesystem::path& model, std::future<Result<text::Tokenizer>> tokenizer,
                                               const EngineOptions& options);
  Engine();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::serve
