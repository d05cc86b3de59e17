#include "gpu/model/network.hpp"

#include <algorithm>

#include "gpu/kernels/bfloat16.hpp"

namespace luthier::model {
namespace {

// Every projection of a block, const or not.
template <class Block, class Visit>
void for_each_projection(Block& block, Visit visit) {
  if (auto* attention = std::get_if<Attention>(&block.part)) {
    visit(attention->qkv);
    visit(attention->output);
  }
  if (auto* feed_forward = std::get_if<FeedForward>(&block.part)) {
    visit(feed_forward->gate_up);
    visit(feed_forward->down);
  }
  if (auto* mixture = std::get_if<Mixture>(&block.part)) {
    visit(mixture->router);
    for (auto& expert : mixture->experts) {
      visit(expert.gate_up);
      visit(expert.down);
    }
  }
}

}  // namespace

bool Block::trains() const {
  bool any = input_norm.gradient || output_norm.gradient;
  for_each_projection(*this, [&](const Projection& p) { any = any || p.trains(); });
  return any;
}

std::size_t Network::first_trained_block() const {
  if (inputs.trains()) return 0;
  const auto first = std::find_if(blocks.begin(), blocks.end(), [](const Block& block) { return block.trains(); });
  return static_cast<std::size_t>(first - blocks.begin());
}

void for_each_projection(const Network& network, const std::function<void(const Projection&)>& visit) {
  for (const Block& block : network.blocks) for_each_projection(block, visit);
  visit(network.head);
}

void multiply_in_bfloat16(Network& network) {
  const auto choose = [](Projection& p) {
    p.bfloat16_products = !p.parts.empty() && std::all_of(p.parts.begin(), p.parts.end(), [](const LinearPart& part) { return bool(part.stored); });
  };
  for (Block& block : network.blocks) for_each_projection(block, choose);
  choose(network.head);
}

void round_inputs(Network& network) {
  for (Block& block : network.blocks) for_each_projection(block, [](Projection& p) { p.bfloat16_inputs = true; });
  network.head.bfloat16_inputs = true;
}

void round_weights(const checkpoint::Weights& weights) {
  for (const auto& [name, tensor] : weights.tensors())
    if (tensor.shape.size() > 1)
      kernels::round_to_bfloat16(static_cast<std::int64_t>(tensor.values.size()), tensor.values.data(), tensor.values.data());
}

}  // namespace luthier::model
