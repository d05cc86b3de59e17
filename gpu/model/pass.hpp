// What every step of a pass has at hand. Internal to gpu/model.
#pragma once

#include "gpu/model/batch.hpp"
#include "gpu/model/forward.hpp"
#include "gpu/model/network.hpp"
#include "gpu/model/workspace.hpp"

namespace luthier::model {

struct Pass {
  const Network& network;
  const Batch& batch;
  const PassDropout& dropout;
  Workspace& ws;

  std::int64_t tokens() const { return batch.tokens(); }
  std::int64_t hidden() const { return network.decoder.hidden_size; }
};

}  // namespace luthier::model
