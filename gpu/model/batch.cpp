#include "gpu/model/batch.hpp"

#include <numeric>

namespace luthier::model {

Batch make_batch(std::span<const Sequence> sequences) {
  Batch batch;
  batch.starts.push_back(0);
  for (const Sequence& sequence : sequences) {
    const std::int32_t first = batch.starts.back();
    const auto length = static_cast<std::int32_t>(sequence.ids.size());
    batch.ids.insert(batch.ids.end(), sequence.ids.begin(), sequence.ids.end());
    for (std::int32_t t = 0; t < length; ++t) batch.positions.push_back(t);
    for (std::size_t t = 1; t < sequence.labels.size(); ++t) {
      if (sequence.labels[t] < 0) continue;
      batch.head_rows.push_back(first + static_cast<std::int32_t>(t) - 1);
      batch.targets.push_back(sequence.labels[t]);
    }
    batch.starts.push_back(first + length);
  }
  return batch;
}

Batch make_batch_for_logits(std::span<const std::int32_t> ids) {
  const Sequence sequence{ids, {}};
  Batch batch = make_batch({&sequence, 1});
  batch.head_rows.resize(ids.size());
  std::iota(batch.head_rows.begin(), batch.head_rows.end(), 0);
  return batch;
}

}  // namespace luthier::model
