// A network is a list of blocks, each of which adds something to the residual stream. Which there are, and how wide, follows from
// the description alone, so that memory can be laid out before there are weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/kernels/activation.hpp"
#include "gpu/kernels/attention.hpp"
#include "gpu/kernels/router.hpp"

namespace luthier::model {

enum class Part { attention, feed_forward, mixture };

struct BlockShape {
  std::size_t layer = 0;
  Part part = Part::attention;
  bool output_norm = false;  // behind the part: of what it computed, or with norm_of_sum of the stream that this was added to
  bool norm_of_sum = false;

  kernels::AttentionShape attention;
  checkpoint::Positions positions = checkpoint::Positions::rope;

  std::int64_t width = 0;  // of the feed-forward part, or of one expert
  kernels::Activation activation;
  kernels::Router router;  // its `tokens` are the batch's

  std::int64_t queries() const { return attention.heads * attention.head_dim; }
  std::int64_t keys() const { return attention.kv_heads * attention.head_dim; }
  std::int64_t qkv() const { return queries() + 2 * keys(); }
  std::int64_t gate_up() const { return activation.columns(width); }
};

// In the order of the network: of each layer its attention and its feed-forward part, where it has them.
std::vector<BlockShape> block_shapes(const checkpoint::Decoder& decoder);

// How long a sequence may be at most: learned positions end somewhere, others do not.
std::int64_t length_max(const checkpoint::Decoder& decoder);

std::int64_t rotary_dim(const checkpoint::Decoder& decoder);

}  // namespace luthier::model
