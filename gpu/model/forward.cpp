#include "gpu/model/forward.hpp"

#include <cassert>

#include "gpu/kernels/rope.hpp"
#include "gpu/model/block.hpp"
#include "gpu/model/dora.hpp"
#include "gpu/model/inputs.hpp"

namespace luthier::model {
namespace {

bool depends_on_length(const checkpoint::Rope& rope) {
  return rope.kind == checkpoint::Rope::Kind::dynamic || rope.kind == checkpoint::Rope::Kind::longrope;
}

// Each sequence turns by its own frequencies, as if it were alone.
void fill_rope_table(const checkpoint::Decoder& d, const checkpoint::Rope& rope, const Batch& batch, const RopeTable& table) {
  const std::int64_t rotary = rotary_dim(d);
  const auto half = static_cast<std::size_t>(rotary / 2);
  kernels::RopeFrequencies frequencies;
  for (std::size_t s = 0; s + 1 < batch.starts.size(); ++s) {
    const auto begin = static_cast<std::size_t>(batch.starts[s]), end = static_cast<std::size_t>(batch.starts[s + 1]);
    if (s == 0 || depends_on_length(rope))
      frequencies = kernels::rope_frequencies(rope, rotary, d.max_position_embeddings, static_cast<std::int64_t>(end - begin));
    kernels::rope_table(frequencies, std::span(batch.positions).subspan(begin, end - begin), table.cosine + begin * half,
                        table.sine + begin * half);
  }
}

}  // namespace

Dropout PassDropout::of(std::size_t layer, std::size_t site) const {
  constexpr std::uint64_t parts_max = 4;
  return {rate, seed, (pass << 32) + (layer * sites_count + site) * parts_max + 1};
}

void forward(const Network& network, const Batch& batch, const PassDropout& dropout, Workspace& ws) {
  assert(batch.tokens() <= ws.size.tokens);
  const Pass pass{network, batch, dropout, ws};
  const std::size_t count = network.blocks.size();
  for_each_projection(network, [&](const Projection& projection) { refresh_gains(projection, ws.scratch.weight); });
  if (!network.inputs.positions) fill_rope_table(network.decoder, network.decoder.rope, batch, ws.rope);
  if (ws.local_rope.cosine) fill_rope_table(network.decoder, network.decoder.local_rope, batch, ws.local_rope);
  inputs_forward(pass, count == 0 ? ws.out : ws.blocks.front().x);
  for (std::size_t i = 0; i < count; ++i)
    block_forward(pass, network.blocks[i], ws.blocks[i], i + 1 < count ? ws.blocks[i + 1].x : ws.out);
}

}  // namespace luthier::model
