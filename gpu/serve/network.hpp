// The decoder for serving: base weights once, packed; one forward pass over the rows of many requests with different
// adapters, against the paged key-value cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/serve/kv_cache.hpp"
#include "gpu/serve/lora.hpp"
#include "gpu/serve/team.hpp"

namespace luthier::serve {

// The next tokens of one request: part of its prompt, or the one token that it has just generated.
struct BatchItem {
  std::span<const std::int32_t> tokens;
  std::int64_t position = 0;         // of the first one; what comes before it is in the cache
  std::int64_t sequence_length = 0;  // that scalings which depend on a length go by: rope_length() of the request
  std::span<const BlockId> blocks;   // of the whole sequence, with room for these tokens
  const LoadedAdapter* adapter = nullptr;
  bool wants_logits = false;         // of the last token
};

// Used by one thread at a time; the team's threads do the work.
class Network {
 public:
  // `rows_max`: of one pass. `context_max`: the longest sequence.
  static Result<std::unique_ptr<Network>> load(const std::filesystem::path& path, Team& team, std::int64_t rows_max,
                                               std::int64_t logits_max, std::int64_t context_max, WeightsKept kept = WeightsKept::as_stored);
  ~Network();

  const checkpoint::Decoder& decoder() const;
  // As it is served: of the head, or of a layer without experts. From any thread.
  const WeightMatrix& weight(std::int64_t layer, LoraGroup group, int slot) const;
  std::int64_t context_max() const;
  KvShape kv_shape() const;
  // An encoder: every token sees all others, so an item is a whole text, of any length up to context_max(). Its rows may then
  // be more than rows_max.
  bool takes_whole_texts() const;
  // As transformers generates: longrope goes by how long the sequence is now, and computes everything again once it has
  // outgrown the length that the model was trained for (keeps_its_past() is false then); dynamic scaling goes by the prompt,
  // and for what follows by each token's own place, and leaves what has been computed as it is.
  std::int64_t rope_length(std::int64_t prompt, std::int64_t now) const;
  bool keeps_its_past(std::int64_t length, std::int64_t longer) const;

  // Items with the same adapter must stand together. Afterwards logits(i) is item i's, if it wanted any.
  void forward(std::span<const BatchItem> items, const KvCache& cache);
  std::span<float> logits(std::size_t item);
  // After the last norm; row i of the pass, counted over all items. Computed for all rows when it is asked for.
  void finish_hidden();
  std::span<const float> hidden(std::int64_t row) const;

 private:
  Network();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace luthier::serve
