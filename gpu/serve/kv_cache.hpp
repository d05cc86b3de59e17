// Keys and values of all running requests in blocks of 16 tokens. A block belongs to exactly one request from acquire()
// to release(); it is never shared between requests, so nothing of one adapter version is ever seen by another.
#pragma once

#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/serve/memory.hpp"

namespace luthier::serve {

constexpr std::int64_t block_tokens = 16;
using BlockId = std::int32_t;

inline std::int64_t blocks_for(std::int64_t tokens) { return (tokens + block_tokens - 1) / block_tokens; }

// Which blocks are free. Used by the scheduler's thread alone.
class BlockPool {
 public:
  explicit BlockPool(std::int64_t blocks);
  std::optional<BlockId> acquire();
  void release(BlockId block);
  std::int64_t free() const { return static_cast<std::int64_t>(free_.size()); }
  std::int64_t size() const { return size_; }

 private:
  std::vector<BlockId> free_;
  std::vector<bool> used_;
  std::int64_t size_;
};

struct KvShape {
  std::vector<std::int64_t> kv_heads{};  // of each layer; 0: it has no attention
  std::int64_t head_dim = 0;
  std::int64_t value_stride() const { return (head_dim + 15) / 16 * 16; }
  std::int64_t head_floats() const { return block_tokens * (head_dim + value_stride()); }
  std::int64_t block_floats() const { return std::accumulate(kv_heads.begin(), kv_heads.end(), std::int64_t{0}) * head_floats(); }
};

// The memory of the blocks. Within (layer, block, head): keys as [head_dim][16 tokens], so that one vector holds one
// component of sixteen keys, then values as [16 tokens][value_stride].
class KvCache {
 public:
  static Result<KvCache> allocate(const KvShape& shape, std::int64_t blocks);

  float* keys(std::int64_t layer, BlockId block, std::int64_t head) const {
    const auto at = static_cast<std::size_t>(layer);
    return memory_.values().data() + (heads_before_[at] * blocks_ + block * shape_.kv_heads[at] + head) * shape_.head_floats();
  }
  float* values(std::int64_t layer, BlockId block, std::int64_t head) const {
    return keys(layer, block, head) + block_tokens * shape_.head_dim;
  }
  std::int64_t blocks() const { return blocks_; }
  std::size_t bytes() const { return memory_.bytes(); }

 private:
  Memory memory_;
  KvShape shape_;
  std::vector<std::int64_t> heads_before_;  // in the layers before each one
  std::int64_t blocks_ = 0;
};

}  // namespace luthier::serve
