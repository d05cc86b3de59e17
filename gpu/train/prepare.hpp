// Everything small that a run needs, read and checked before a weight is: so a bad row, a bad target or too little memory
// is found within a second.
#pragma once

#include <optional>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/text/tokenizer.hpp"
#include "gpu/train/examples.hpp"
#include "gpu/train/fit.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train {

struct Prepared {
  checkpoint::Decoder decoder;
  std::optional<checkpoint::Decoder> teacher;  // of a distillation
  text::Tokenizer tokenizer;
  Examples data, validation;
  checkpoint::Adapter adapter;  // no modules with method full
  std::size_t memory_limit_bytes = 0;

  // It looks at this object's rows and decoder, which must stay where they are while it is asked.
  FitQuestion question(const TrainingConfig& config) const;
};

// All but the question whether it fits.
Result<Prepared> prepare_unplanned(const TrainRequest& request);

struct Planned : Prepared {
  model::PassSize pass;
  RunMemory memory;
};
Result<Planned> prepare(const TrainRequest& request);

}  // namespace luthier::train
