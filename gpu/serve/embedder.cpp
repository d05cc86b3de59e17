#include "gpu/serve/embedder.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "gpu/serve/pool.hpp"

namespace luthier::serve {
namespace {

constexpr std::int64_t rows_max = 128;

}  // namespace

Result<std::unique_ptr<Embedder>> Embedder::load(const std::filesystem::path& model, int threads, WeightsKept kept) {
  std::unique_ptr<Embedder> embedder(new Embedder);
  auto tokenizer = text::Tokenizer::load(model);
  if (!tokenizer) return tokenizer.error();
  embedder->tokenizer_ = std::move(*tokenizer);
  embedder->team_ = std::make_unique<Team>(threads > 0 ? threads : usable_processors());
  auto network = Network::load(model, *embedder->team_, rows_max, 1, 0, kept);
  if (!network) return network.error();
  embedder->network_ = std::move(*network);
  return embedder;
}

Result<void> Embedder::use_adapter(const std::filesystem::path& directory) {
  const auto read = checkpoint::load_adapter(directory, network_->decoder());
  if (!read) return read.error();
  auto adapter = std::make_unique<LoadedAdapter>();
  if (auto packed = pack_adapter(*read, *network_, *adapter); !packed) return with_context(packed.error(), directory.string());
  adapter_ = std::move(adapter);
  return {};
}

Result<std::vector<float>> Embedder::embed(std::string_view text, TextKind kind) {
  const auto ids = tokenizer_.encode(prefix_of(network_->decoder(), kind) + std::string(text), true);
  if (!ids) return ids.error();
  const auto length = static_cast<std::int64_t>(ids->size());
  if (length == 0) return invalid("the text has no tokens");
  if (length > network_->context_max())
    return Error{ErrorCode::limit, "the text has " + std::to_string(length) + " tokens; this model takes at most " +
                 std::to_string(network_->context_max()), {}};
  for (const std::int32_t id : *ids)
    if (id < 0 || id >= network_->decoder().vocab_size)
      return invalid("token " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(network_->decoder().vocab_size));
  auto cache = KvCache::allocate(network_->kv_shape(), blocks_for(length));
  if (!cache) return cache.error();
  std::vector<BlockId> blocks(static_cast<std::size_t>(blocks_for(length)));
  std::iota(blocks.begin(), blocks.end(), 0);

  Pool pool(network_->decoder().pooling);
  const std::int64_t at_once = network_->takes_whole_texts() ? length : rows_max;
  for (std::int64_t begin = 0; begin < length; begin += at_once) {
    const auto count = std::min(at_once, length - begin);
    const BatchItem item{std::span(*ids).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)), begin, length,
                         blocks, adapter_.get(), false};
    network_->forward(std::span(&item, 1), *cache);
    network_->finish_hidden();
    for (std::int64_t row = 0; row < count; ++row) pool.add(network_->hidden(row));
  }
  return pool.vector();
}

}  // namespace luthier::serve
