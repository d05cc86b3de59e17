#include "gpu/model/backward.hpp"

#include "gpu/model/block.hpp"
#include "gpu/model/inputs.hpp"

namespace luthier::model {
namespace {

bool begins_layer(const Network& network, std::size_t i) {
  return i == 0 || network.blocks[i - 1].shape.layer != network.blocks[i].shape.layer;
}

bool ends_layer(const Network& network, std::size_t i) {
  return i + 1 == network.blocks.size() || network.blocks[i + 1].shape.layer != network.blocks[i].shape.layer;
}

// Block `last` ends a layer of which only the input was kept. What it would add to the stream is known already.
void forward_again(const Pass& pass, std::size_t last) {
  const auto& blocks = pass.network.blocks;
  std::size_t i = last;
  while (i > 0 && blocks[i - 1].shape.layer == blocks[last].shape.layer) --i;
  for (; i <= last; ++i) block_forward(pass, blocks[i], pass.ws.blocks[i], i < last ? pass.ws.blocks[i + 1].x : nullptr);
}

}  // namespace

void backward(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& ws) {
  const Pass pass{network, batch, dropout, ws};
  const std::size_t first = network.first_trained_block();
  for (std::size_t i = network.blocks.size(); i-- > first;) {
    const bool kept = !ws.size.recompute || i + 1 == network.blocks.size();  // the last layer's is still there
    if (!kept && ends_layer(network, i)) forward_again(pass, i);
    block_backward(pass, network.blocks[i], ws.blocks[i], i > first || network.inputs.trains());
    if (ws.layer_done && begins_layer(network, i)) ws.layer_done(static_cast<std::int64_t>(network.blocks[i].shape.layer));
  }
  if (network.inputs.trains()) inputs_backward(pass);
}

}  // namespace luthier::model
