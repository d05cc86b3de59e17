// The mean loss over a file of rows, without training on them.
#pragma once

#include <cstdint>

#include "gpu/model/network.hpp"
#include "gpu/model/workspace.hpp"
#include "gpu/text/rows.hpp"

namespace luthier::train {

struct LossSum {
  double loss = 0;          // over all supervised tokens
  std::int64_t tokens = 0;  // how many those are

  double mean() const { return tokens > 0 ? loss / static_cast<double>(tokens) : 0; }
};

// Rows go through the network together as long as they fit into the workspace; none of them may be longer than it.
LossSum mean_loss(const model::Network& network, const text::Dataset& data, model::Workspace& workspace);

}  // namespace luthier::train
