#include "gpu/model/block_shape.hpp"

#include <cmath>
#include <limits>

namespace luthier::model {
namespace {

using checkpoint::Decoder;
using checkpoint::LayerShape;

BlockShape block(const Decoder& d, std::size_t layer, Part part) {
  BlockShape shape;
  shape.layer = layer;
  shape.part = part;
  shape.output_norm = d.norm_place != checkpoint::NormPlace::before;
  shape.norm_of_sum = d.norm_place == checkpoint::NormPlace::after;
  return shape;
}

BlockShape attention_block(const Decoder& d, std::size_t index, const LayerShape& layer) {
  BlockShape shape = block(d, index, Part::attention);
  shape.attention = {.heads = layer.num_heads,
                     .kv_heads = layer.num_kv_heads,
                     .head_dim = d.head_dim,
                     .scale = d.attention_scale > 0 ? static_cast<float>(d.attention_scale)
                                                    : 1.0f / std::sqrt(static_cast<float>(d.head_dim)),
                     .window = layer.window,
                     .softcap = static_cast<float>(d.attention_softcap),
                     .all = d.attend == checkpoint::Attend::all};
  shape.positions = layer.positions;
  return shape;
}

BlockShape feed_forward_block(const Decoder& d, std::size_t index, const LayerShape& layer) {
  const bool mixture = layer.num_experts > 0;
  BlockShape shape = block(d, index, mixture ? Part::mixture : Part::feed_forward);
  shape.width = layer.intermediate_size;
  shape.activation = {.kind = d.activation,
                      .gated = d.gated,
                      .interleaved = mixture && d.experts.stacked,
                      .limit = static_cast<float>(d.swiglu_limit),
                      .alpha = static_cast<float>(d.swiglu_alpha)};
  if (mixture)
    shape.router = {.experts = layer.num_experts,
                    .per_token = d.experts.per_token,
                    .sums_to_one = d.experts.softmax_after_choice || d.experts.sums_to_one};
  return shape;
}

}  // namespace

std::vector<BlockShape> block_shapes(const Decoder& d) {
  std::vector<BlockShape> shapes;
  for (std::size_t l = 0; l < d.layers.size(); ++l) {
    if (d.layers[l].num_heads > 0) shapes.push_back(attention_block(d, l, d.layers[l]));
    if (d.layers[l].intermediate_size > 0) shapes.push_back(feed_forward_block(d, l, d.layers[l]));
  }
  return shapes;
}

std::int64_t length_max(const Decoder& d) {
  return d.learned_positions ? d.max_position_embeddings - d.position_offset : std::numeric_limits<std::int32_t>::max();
}

std::int64_t rotary_dim(const Decoder& d) { return d.rotary_dim > 0 ? d.rotary_dim : d.head_dim; }

}  // namespace luthier::model
