// Everything small that a run needs, read and checked before a weight is: so a bad row, a bad target or too little memory
// is found within a second.
#pragma once

#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/model/memory_plan.hpp"
#include "gpu/text/rows.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct Prepared {
  checkpoint::Decoder decoder;
  text::Tokenizer tokenizer;
  text::Dataset data, validation;
  checkpoint::Adapter adapter;  // no modules with method full
  model::PassSize pass;
  model::MemoryPlan plan;
};

Result<Prepared> prepare(const TrainRequest& request);

std::vector<std::int64_t> lengths_of(const text::Dataset& data);

}  // namespace luthier::train
