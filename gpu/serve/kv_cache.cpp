#include "gpu/serve/kv_cache.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace luthier::serve {

BlockPool::BlockPool(std::int64_t blocks) : used_(static_cast<std::size_t>(blocks)), size_(blocks) {
  for (std::int64_t i = blocks; i-- > 0;) free_.push_back(static_cast<BlockId>(i));
}

std::optional<BlockId> BlockPool::acquire() {
  if (free_.empty()) return std::nullopt;
  const BlockId block = free_.back();
  free_.pop_back();
  used_[static_cast<std::size_t>(block)] = true;
  return block;
}

void BlockPool::release(BlockId block) {
  assert(used_[static_cast<std::size_t>(block)]);
  used_[static_cast<std::size_t>(block)] = false;
  free_.push_back(block);
}

Result<KvCache> KvCache::allocate(const KvShape& shape, std::int64_t blocks) {
  auto memory = Memory::allocate(static_cast<std::size_t>(shape.block_floats() * blocks), "the key-value cache");
  if (!memory) return memory.error();
  // Touched now: a cache that does not fit must fail at the start, not in the middle of somebody's answer.
  constexpr std::size_t page_floats = 4096 / sizeof(float);
  const auto values = memory->values();  // the system hands out zeros
  for (std::size_t i = 0; i < values.size(); i += page_floats) *const_cast<volatile float*>(&values[i]) = 0.0F;
  KvCache cache;
  cache.memory_ = std::move(*memory);
  cache.shape_ = shape;
  std::exclusive_scan(shape.kv_heads.begin(), shape.kv_heads.end(), std::back_inserter(cache.heads_before_), std::int64_t{0});
  cache.blocks_ = blocks;
  return cache;
}

}  // namespace luthier::serve
