// The network alone, with token ids: what transformers computes, and that nothing in a batch depends on the rest of it.
#include "gpu/serve/network.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace luthier;
using namespace luthier::serve;

namespace {

const std::filesystem::path golden = "tests/golden";
using Ids = std::vector<std::int32_t>;

struct Loaded {
  std::unique_ptr<Team> team;
  std::unique_ptr<Network> network;
  KvCache cache;
};

Loaded load(const std::filesystem::path& path, int threads = 2, std::int64_t rows_max = 64, WeightsKept kept = WeightsKept::as_stored) {
  Loaded out;
  out.team = std::make_unique<Team>(threads);
  auto network = Network::load(path, *out.team, rows_max, 8, 0, kept);
  if (!network) FAIL(network.error().message);
  out.network = std::move(*network);
  auto cache = KvCache::allocate(out.network->kv_shape(), 128);
  REQUIRE(cache);
  out.cache = std::move(*cache);
  return out;
}

std::shared_ptr<LoadedAdapter> load_lora(const std::filesystem::path& path, const Network& network) {
  auto adapter = std::make_shared<LoadedAdapter>();
  auto read = checkpoint::load_adapter(path, network.decoder());
  if (!read) FAIL(read.error().message);
  const auto packed = pack_adapter(*read, network, *adapter);
  if (!packed) FAIL(packed.error().message);
  return adapter;
}

std::vector<BlockId> blocks_from(BlockId first, std::int64_t count) {
  std::vector<BlockId> blocks(static_cast<std::size_t>(count));
  std::iota(blocks.begin(), blocks.end(), first);
  return blocks;
}

// Prompt in chunks of `chunk`, then one token at a time.
Ids greedy(Loaded& loaded, Ids ids, std::size_t count, std::size_t chunk, const LoadedAdapter* adapter) {
  const auto prompt = ids.size();
  const auto blocks = blocks_from(3, 60);
  for (std::size_t done = 0; ids.size() < prompt + count;) {
    const auto now = std::min(chunk, ids.size() - done);
    const BatchItem item{std::span(ids).subspan(done, now), static_cast<std::int64_t>(done), static_cast<std::int64_t>(ids.size()),
                         blocks, adapter, done + now == ids.size()};
    loaded.network->forward(std::span(&item, 1), loaded.cache);
    done += now;
    if (!item.wants_logits) continue;
    const auto logits = loaded.network->logits(0);
    ids.push_back(static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(prompt), ids.end()};
}

Ids some_ids(std::size_t count, unsigned seed, std::int32_t vocabulary) {
  Ids ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>((seed = seed * 1664525u + 1013904223u) >> 8) % vocabulary);
  return ids;
}

}  // namespace

TEST_CASE("greedy tokens of base models and adapters are those of transformers and PEFT") {
  std::ifstream file(golden / "serve/generate.json");
  const auto rows = nlohmann::json::parse(file);
  REQUIRE(rows.size() > 100);
  std::string open;
  Loaded loaded;
  std::shared_ptr<LoadedAdapter> adapter;
  for (const auto& row : rows) {
    const auto key = row["model"].dump() + row["adapter"].dump();
    if (key != open) {
      loaded = load(golden / row["model"].get<std::string>());
      adapter = row["adapter"].is_null() ? nullptr : load_lora(golden / row["adapter"].get<std::string>(), *loaded.network);
      open = key;
    }
    const auto expected = row["new"].get<Ids>();
    INFO(key << " prompt of " << row["prompt"].size());
    CHECK(greedy(loaded, row["prompt"].get<Ids>(), expected.size(), 64, adapter.get()) == expected);
  }
}

TEST_CASE("logits are the same bits alone and in a batch of others, in any chunks, on any number of threads") {
  auto loaded = load(golden / "models/llama-tiny", 2, 256);
  const auto adapter = load_lora(golden / "models/llama-tiny-adapter", *loaded.network);
  const auto lm_head = load_lora(golden / "checkpoint/adapter-lm-head", *loaded.network);
  const auto ids = some_ids(75, 1, 288), other = some_ids(40, 2, 288);
  for (const LoadedAdapter* own : {static_cast<const LoadedAdapter*>(nullptr), static_cast<const LoadedAdapter*>(adapter.get()),
                                   static_cast<const LoadedAdapter*>(lm_head.get())}) {
    const auto logits_of = [&](Loaded& with, std::vector<std::size_t> chunks, bool in_company) {
      const auto blocks = blocks_from(10, 8), other_blocks = blocks_from(40, 8), third_blocks = blocks_from(60, 8);
      std::vector<float> out;
      std::size_t done = 0;
      for (const auto chunk : chunks) {
        std::vector<BatchItem> items;
        if (in_company) items.push_back({std::span(other).first(3 + chunk % 7), 0, 40, other_blocks, lm_head.get() == own ? nullptr : lm_head.get(), true});
        items.push_back({std::span(ids).subspan(done, chunk), static_cast<std::int64_t>(done), 75, blocks, own, done + chunk == ids.size()});
        if (in_company) items.push_back({std::span(other).first(13), 0, 40, third_blocks, adapter.get() == own ? nullptr : adapter.get(), true});
        with.network->forward(items, with.cache);
        done += chunk;
        const std::size_t at = in_company ? 1 : 0;
        if (done == ids.size()) out.assign(with.network->logits(at).begin(), with.network->logits(at).end());
      }
      return out;
    };
    const auto alone = logits_of(loaded, {75}, false);
    const auto same = [&](const std::vector<float>& x) { return x.size() == alone.size() && std::memcmp(x.data(), alone.data(), x.size() * sizeof(float)) == 0; };
    CHECK(same(logits_of(loaded, {75}, true)));
    CHECK(same(logits_of(loaded, {1, 15, 16, 42, 1}, false)));
    CHECK(same(logits_of(loaded, {30, 44, 1}, true)));
    CHECK(same(logits_of(loaded, std::vector<std::size_t>(75, 1), true)));
  }
}

TEST_CASE("the number of threads changes no bit") {
  const auto ids = some_ids(60, 5, 288);
  const auto blocks = blocks_from(0, 4);
  std::vector<std::vector<float>> seen;
  for (const int threads : {1, 2, 3, 7}) {
    auto loaded = load(golden / "models/llama-tiny", threads);
    const BatchItem item{ids, 0, 60, blocks, nullptr, true};
    loaded.network->forward(std::span(&item, 1), loaded.cache);
    seen.emplace_back(loaded.network->logits(0).begin(), loaded.network->logits(0).end());
  }
  for (const auto& logits : seen) CHECK(std::memcmp(logits.data(), seen.front().data(), logits.size() * sizeof(float)) == 0);
}

TEST_CASE("a checkpoint in 16 bits is kept so and says to the bit what it says in f32; int8 says nearly the same") {
  const auto ids = some_ids(30, 5, 16);
  const auto blocks = blocks_from(0, 4);
  const auto logits_of = [&](const std::filesystem::path& model, WeightsKept kept) {
    auto loaded = load(model, 2, 64, kept);
    const BatchItem item{ids, 0, 30, blocks, nullptr, true};
    loaded.network->forward(std::span(&item, 1), loaded.cache);
    return std::vector<float>(loaded.network->logits(0).begin(), loaded.network->logits(0).end());
  };
  const auto model = golden / "checkpoint/llama-biased-f16";
  const auto exact = logits_of(model, WeightsKept::f32);
  CHECK(logits_of(model, WeightsKept::as_stored) == exact);
  CHECK(logits_of(model, WeightsKept::f16) == exact);
  const float largest = std::abs(*std::ranges::max_element(exact, {}, [](float x) { return std::abs(x); }));
  const auto worst = [&](const std::vector<float>& got) {
    float out = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) out = std::max(out, std::abs(got[i] - exact[i]));
    return out;
  };
  for (const auto kept : {WeightsKept::bf16, WeightsKept::int8}) {
    const float off = worst(logits_of(model, kept));
    CHECK(off > 0);
    CHECK(off < 0.03F * largest);
  }
}

TEST_CASE("what an earlier request left in a block is never seen, not even a NaN") {
  auto loaded = load(golden / "models/llama-tiny");
  const auto ids = some_ids(21, 9, 288);
  const auto blocks = blocks_from(5, 2);
  const BatchItem item{ids, 0, 21, blocks, nullptr, true};
  loaded.network->forward(std::span(&item, 1), loaded.cache);
  const std::vector<float> clean(loaded.network->logits(0).begin(), loaded.network->logits(0).end());
  for (const BlockId block : blocks)
    for (std::int64_t layer = 0; layer < 2; ++layer)
      for (std::int64_t head = 0; head < 2; ++head)
        std::fill_n(loaded.cache.keys(layer, block, head), loaded.network->kv_shape().head_floats(), std::nanf(""));
  loaded.network->forward(std::span(&item, 1), loaded.cache);
  CHECK(std::memcmp(clean.data(), loaded.network->logits(0).data(), clean.size() * sizeof(float)) == 0);
}

TEST_CASE("a model that is not there is refused with its path") {
  Team team(1);
  const auto missing = Network::load("tests/golden/models/none", team, 8, 1, 0);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("none") != std::string::npos);
}
