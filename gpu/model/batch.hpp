// Sequences laid one after the other, without padding, as one pass of the network takes them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace luthier::model {

struct Sequence {
  std::span<const std::int32_t> ids;
  std::span<const std::int32_t> labels;  // as long as ids, or empty: none. Not shifted; -100: no loss
};

struct Batch {
  std::vector<std::int32_t> ids;        // [tokens]
  std::vector<std::int32_t> positions;  // [tokens], from 0 in each sequence
  std::vector<std::int32_t> starts;     // [sequences + 1]: sequence s has the rows [starts[s], starts[s + 1])
  std::vector<std::int32_t> head_rows;  // rows whose next token carries a label: only they reach the output head
  std::vector<std::int32_t> targets;    // those labels

  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t supervised() const { return static_cast<std::int64_t>(targets.size()); }
};

// Labels shift by one: row t of a sequence predicts the label of row t + 1.
Batch make_batch(std::span<const Sequence> sequences);

// All rows reach the head: logits of every token.
Batch make_batch_for_logits(std::span<const std::int32_t> ids);

}  // namespace luthier::model
