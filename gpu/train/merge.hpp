// An adapter put into the weights of its model: W += scale * B A for each adapted layer, whose rows get their magnitudes with DoRA.
#pragma once

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"

namespace luthier::train {

// A layer whose weights are those of another one as well (lm_head, tied to the embeddings) cannot be changed alone.
Result<void> check_mergeable(const checkpoint::Adapter& adapter, const checkpoint::Decoder& decoder);

// The weights have every layer of the adapter, in its shape.
void merge_adapter(const checkpoint::Adapter& adapter, checkpoint::Weights& weights);

}  // namespace luthier::train
