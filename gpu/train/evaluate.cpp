#include "gpu/train/evaluate.hpp"

#include <cassert>

#include "gpu/model/forward.hpp"
#include "gpu/model/head.hpp"

namespace luthier::train {

LossSum mean_loss(const model::Network& network, const text::Dataset& data, model::Workspace& workspace) {
  LossSum sum;
  std::vector<model::Sequence> sequences;
  std::int64_t tokens = 0;
  const auto flush = [&] {
    const model::Batch batch = model::make_batch(sequences);
    model::forward(network, batch, {}, workspace);
    sum.loss += model::loss(network, batch, workspace);
    sum.tokens += batch.supervised();
    sequences.clear();
    tokens = 0;
  };
  for (const text::Row& row : data.rows) {
    const auto length = static_cast<std::int64_t>(row.ids.size());
    assert(length <= workspace.size.tokens);
    if (tokens + length > workspace.size.tokens) flush();
    sequences.push_back({row.ids, row.labels});
    tokens += length;
  }
  if (!sequences.empty()) flush();
  return sum;
}

}  // namespace luthier::train
