// A tiny model of every family against what transformers computes for it (tests/golden/make_family_goldens.py), and that a
// request's numbers are the same bits alone, in company, in any chunks and on any number of threads, whatever its family.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/serve/network.hpp"

using namespace luthier;
using namespace luthier::serve;

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;
using Table = std::vector<std::vector<float>>;  // of each token

std::vector<fs::path> families() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator("tests/golden/families"))
    if (fs::exists(entry.path() / "expected.safetensors")) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::vector<Ids> sequences_of(const fs::path& family) {
  std::ifstream file(family / "cases.json");
  return nlohmann::json::parse(file)["sequences"].get<std::vector<Ids>>();
}

struct Loaded {
  std::unique_ptr<Team> team;
  std::unique_ptr<Network> network;
  KvCache cache;
};

Loaded load(const fs::path& path, int threads = 2) {
  Loaded out;
  out.team = std::make_unique<Team>(threads);
  auto network = Network::load(path, *out.team, 96, 8, 0);
  if (!network) FAIL(network.error().message);
  out.network = std::move(*network);
  auto cache = KvCache::allocate(out.network->kv_shape(), 32);
  REQUIRE(cache);
  out.cache = std::move(*cache);
  return out;
}

std::vector<BlockId> blocks_from(BlockId first, std::int64_t count) {
  std::vector<BlockId> blocks(static_cast<std::size_t>(count));
  std::iota(blocks.begin(), blocks.end(), first);
  return blocks;
}

// What the model says after every token: logits, or hidden states where it has no head. `chunks` of the text one after the
// other, each beside `company` when there is any.
Table outputs(Loaded& loaded, const Ids& ids, std::vector<std::size_t> chunks, const Ids& company = {}, const LoadedAdapter* adapter = nullptr) {
  auto& network = *loaded.network;
  const auto length = static_cast<std::int64_t>(ids.size()), other_length = static_cast<std::int64_t>(company.size());
  const auto blocks = blocks_from(4, 8), before = blocks_from(14, 8), behind = blocks_from(23, 8);
  Table out;
  std::size_t done = 0;
  for (const auto chunk : chunks) {
    std::vector<BatchItem> items;
    const bool has_head = network.decoder().has_head;
    if (!company.empty()) items.push_back({company, 0, other_length, before, nullptr, has_head});
    items.push_back({std::span(ids).subspan(done, chunk), static_cast<std::int64_t>(done), length, blocks, adapter, has_head});
    if (!company.empty()) items.push_back({company, 0, other_length, behind, nullptr, false});
    network.forward(items, loaded.cache);
    done += chunk;
    if (has_head) {
      const auto logits = network.logits(company.empty() ? 0 : 1);
      out.emplace_back(logits.begin(), logits.end());
      continue;
    }
    network.finish_hidden();
    for (std::int64_t row = 0; row < static_cast<std::int64_t>(chunk); ++row) {
      const auto hidden = network.hidden(row + other_length);
      out.emplace_back(hidden.begin(), hidden.end());
    }
  }
  return out;
}

std::vector<std::size_t> one_by_one(const Network& network, std::size_t length) {
  return network.takes_whole_texts() ? std::vector{length} : std::vector<std::size_t>(length, 1);
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// With what transformers computes for sequence n, kept in the directory's expected.safetensors.
void compare(const Table& got, const fs::path& directory, std::size_t n, bool has_head) {
  const auto file = checkpoint::SafetensorsFile::open(directory / "expected.safetensors");
  REQUIRE(file);
  const auto* stored = file->find((has_head ? "logits." : "hidden.") + std::to_string(n));
  REQUIRE(stored != nullptr);
  std::vector<float> expected(stored->count());
  REQUIRE(checkpoint::to_f32(*stored, expected));
  REQUIRE(expected.size() == got.size() * got.front().size());
  const float largest = std::abs(*std::ranges::max_element(expected, {}, [](float x) { return std::abs(x); }));
  float worst = 0;
  for (std::size_t t = 0; t < got.size(); ++t) {
    const std::span row(expected.data() + t * got[t].size(), got[t].size());
    for (std::size_t i = 0; i < row.size(); ++i) worst = std::max(worst, std::abs(row[i] - got[t][i]));
    CHECK(std::ranges::max_element(row) - row.begin() == std::ranges::max_element(got[t]) - got[t].begin());
  }
  INFO("sequence " << n << ": largest difference " << worst << ", largest value " << largest);
  CHECK(worst <= 1e-4F * largest);
}

std::shared_ptr<LoadedAdapter> load_adapter(const fs::path& path, const Network& network) {
  auto adapter = std::make_shared<LoadedAdapter>();
  auto read = checkpoint::load_adapter(path, network.decoder());
  if (!read) FAIL(read.error().message);
  const auto packed = pack_adapter(*read, network, *adapter);
  if (!packed) FAIL(packed.error().message);
  return adapter;
}

}  // namespace

TEST_CASE("what every family says after each token is what transformers computes") {
  REQUIRE(families().size() >= 18);
  for (const auto& family : families()) {
    INFO(family);
    auto loaded = load(family);
    const auto sequences = sequences_of(family);
    for (std::size_t n = 0; n < sequences.size(); ++n) {
      const auto got = outputs(loaded, sequences[n], one_by_one(*loaded.network, sequences[n].size()));
      REQUIRE(got.size() == sequences[n].size());
      compare(got, family, n, loaded.network->decoder().has_head);
    }
  }
}

TEST_CASE("adapters on all that PEFT adapts in a family, fused layers, routers and experts among it, say what PEFT's say") {
  int adapters = 0;
  for (const auto& family : families()) {
    const auto directory = family / "adapter";
    if (!fs::exists(directory / "expected.safetensors")) continue;
    ++adapters;
    INFO(family);
    auto loaded = load(family);
    const auto adapter = load_adapter(directory, *loaded.network);
    const auto sequences = sequences_of(family);
    for (std::size_t n = 0; n < sequences.size(); ++n) {
      const auto chunks = one_by_one(*loaded.network, sequences[n].size());
      const auto got = outputs(loaded, sequences[n], chunks, {}, adapter.get());
      compare(got, directory, n, loaded.network->decoder().has_head);
      // Beside requests without one, and in another cut, it says the same to the bit.
      CHECK(same(outputs(loaded, sequences[n], {sequences[n].size()}, sequences.front(), adapter.get()).back(), got.back()));
      CHECK_FALSE(same(outputs(loaded, sequences[n], chunks).back(), got.back()));
    }
  }
  CHECK(adapters >= 6);
}

TEST_CASE("in every family a request's bits depend on nobody else, no chunk and no thread") {
  for (const auto& family : families()) {
    INFO(family);
    auto loaded = load(family);
    const auto sequences = sequences_of(family);
    const Ids& ids = sequences.back();
    REQUIRE(ids.size() > 32);
    const Ids& company = sequences[sequences.size() - 2];
    const auto alone = outputs(loaded, ids, {ids.size()});
    CHECK(same(outputs(loaded, ids, {ids.size()}, company).back(), alone.back()));
    for (const int threads : {1, 5}) {
      auto other = load(family, threads);
      CHECK(same(outputs(other, ids, {ids.size()}).back(), alone.back()));
    }
    if (loaded.network->takes_whole_texts()) continue;
    for (const auto& chunks : {std::vector<std::size_t>(ids.size(), 1), {ids.size() - 32, 15, 16, 1}, {17, ids.size() - 17}}) {
      CHECK(same(outputs(loaded, ids, chunks).back(), alone.back()));
      CHECK(same(outputs(loaded, ids, chunks, company).back(), alone.back()));
    }
  }
}

TEST_CASE("keys and values outside of a layer's window are not read, not even a NaN") {
  int windows = 0;
  for (const auto& family : families()) {
    auto loaded = load(family);
    const auto& decoder = loaded.network->decoder();
    if (loaded.network->takes_whole_texts()) continue;
    const Ids ids = sequences_of(family).back();
    const auto last = ids.size() - 1;
    const auto clean = outputs(loaded, ids, {last, 1}).back();
    for (std::int64_t layer = 0; layer < decoder.num_layers; ++layer) {
      const auto& shape = decoder.layers[static_cast<std::size_t>(layer)];
      const std::int64_t hidden = static_cast<std::int64_t>(ids.size()) - shape.window;
      if (shape.num_heads == 0 || shape.window == 0 || hidden <= 0) continue;
      ++windows;
      const std::int64_t value_stride = loaded.network->kv_shape().value_stride();
      for (std::int64_t token = 0; token < hidden; ++token)
        for (std::int64_t head = 0; head < shape.num_kv_heads; ++head) {
          const auto block = static_cast<BlockId>(4 + token / block_tokens);
          const auto slot = token % block_tokens;
          for (std::int64_t j = 0; j < decoder.head_dim; ++j) loaded.cache.keys(layer, block, head)[j * block_tokens + slot] = std::nanf("");
          std::fill_n(loaded.cache.values(layer, block, head) + slot * value_stride, value_stride, std::nanf(""));
        }
    }
    const auto blocks = blocks_from(4, 8);
    const BatchItem item{std::span(ids).last(1), static_cast<std::int64_t>(last), static_cast<std::int64_t>(ids.size()), blocks, nullptr, true};
    loaded.network->forward(std::span(&item, 1), loaded.cache);
    INFO(family);
    CHECK(same(clean, {loaded.network->logits(0).begin(), loaded.network->logits(0).end()}));
  }
  CHECK(windows >= 4);
}
