// Adapters with magnitudes, served, against PEFT (tests/golden/make_dora_goldens.py).
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/model/dora.hpp"
#include "gpu/serve/network.hpp"
#include "gpu/serve/pack_weights.hpp"

using namespace luthier;
using namespace luthier::serve;

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

const fs::path golden = "tests/golden", dora = golden / "dora";

const nlohmann::json& cases() {
  static const auto all = nlohmann::json::parse(std::ifstream(dora / "cases.json"));
  return all;
}

struct Served {
  std::unique_ptr<Team> team;
  std::unique_ptr<Network> network;
  KvCache cache;
};

Served start(const fs::path& path, WeightsKept kept = WeightsKept::as_stored, int threads = 2) {
  Served served{.team = std::make_unique<Team>(threads), .network = {}, .cache = {}};
  auto network = Network::load(path, *served.team, 96, 8, 0, kept);
  if (!network) FAIL(network.error().message);
  served.network = std::move(*network);
  auto cache = KvCache::allocate(served.network->kv_shape(), 32);
  REQUIRE(cache);
  served.cache = std::move(*cache);
  return served;
}

std::unique_ptr<LoadedAdapter> packed(const checkpoint::Adapter& adapter, const Network& network) {
  auto loaded = std::make_unique<LoadedAdapter>();
  const auto done = pack_adapter(adapter, network, *loaded);
  if (!done) FAIL(done.error().message);
  return loaded;
}

checkpoint::Adapter read(const fs::path& directory, const Network& network) {
  auto adapter = checkpoint::load_adapter(directory, network.decoder());
  if (!adapter) FAIL(adapter.error().message);
  return std::move(*adapter);
}

// What is said after each token of `ids`, cut into chunks, beside requests with other adapters.
std::vector<float> logits(Served& served, const Ids& ids, const LoadedAdapter* adapter, std::size_t chunk = 1,
                          const std::vector<const LoadedAdapter*>& company = {}) {
  const auto blocks_from = [](BlockId first) {
    std::vector<BlockId> blocks(4);
    std::iota(blocks.begin(), blocks.end(), first);
    return blocks;
  };
  const Ids other{3, 5, 7, 9};
  const auto own = blocks_from(1);
  std::vector<std::vector<BlockId>> others;
  for (std::size_t i = 0; i < company.size(); ++i) others.push_back(blocks_from(static_cast<BlockId>(8 + 4 * i)));
  std::vector<float> all;
  for (std::size_t done = 0; done < ids.size(); done += chunk) {
    const auto now = std::min(chunk, ids.size() - done);
    std::vector<BatchItem> items;
    for (std::size_t i = 0; i < company.size(); ++i) items.push_back({other, 0, 4, others[i], company[i], true});
    items.push_back({std::span(ids).subspan(done, now), static_cast<std::int64_t>(done), static_cast<std::int64_t>(ids.size()), own, adapter, true});
    served.network->forward(items, served.cache);
    const auto said = served.network->logits(company.size());
    all.insert(all.end(), said.begin(), said.end());
  }
  return all;
}

double difference(const std::vector<float>& got, const std::vector<float>& expected) {
  REQUIRE(got.size() == expected.size());
  double most = 0, largest = 1e-12;
  for (std::size_t i = 0; i < got.size(); ++i) {
    REQUIRE(std::isfinite(got[i]));
    most = std::max(most, std::abs(double(got[i]) - expected[i]));
    largest = std::max(largest, std::abs(double(expected[i])));
  }
  return most / largest;
}

}  // namespace

TEST_CASE("a served adapter with magnitudes says what PEFT's says, on fused, tied and biased layers") {
  for (const auto& [name, answer] : cases().items()) {
    auto served = start(golden / answer["base"].get<std::string>());
    const auto adapter = packed(read(dora / name, *served.network), *served.network);
    const auto file = checkpoint::SafetensorsFile::open(dora / (name + ".logits.safetensors"));
    REQUIRE(file);
    for (std::size_t i = 0; i < answer["sequences"].size(); ++i) {
      INFO(name << " sequence " << i);
      const auto* stored = file->find("logits." + std::to_string(i));
      std::vector<float> expected(stored->count());
      REQUIRE(checkpoint::to_f32(*stored, expected));
      const Ids ids = answer["sequences"][i];
      CHECK(difference(logits(served, ids, adapter.get()), expected) < 2e-5);
      CHECK(difference(logits(served, ids, nullptr), expected) > 1e-2);
    }
  }
}

TEST_CASE("with magnitudes too a request's bits depend on nobody else, no chunk and no thread, and nobody's on them") {
  for (const std::string name : {"biased", "fused", "around"}) {
    INFO(name);
    const auto answer = cases()[name];
    const fs::path base = golden / answer["base"].get<std::string>();
    const Ids ids = answer["sequences"][1];
    auto served = start(base), other = start(base, WeightsKept::as_stored, 1);
    auto second = read(dora / name, *served.network);
    for (auto& module : second.modules) std::ranges::for_each(module.magnitude.values, [](float& value) { value *= 1.5F; });
    const auto adapter = packed(read(dora / name, *served.network), *served.network), twin = packed(second, *served.network);
    const auto there = packed(read(dora / name, *other.network), *other.network);
    const auto alone = logits(served, ids, adapter.get(), ids.size());
    CHECK(logits(served, ids, adapter.get(), ids.size(), {nullptr, twin.get()}) == alone);
    CHECK(logits(other, ids, there.get(), ids.size()) == alone);
    const auto whole = logits(served, ids, adapter.get(), 1);
    CHECK(std::vector<float>(whole.end() - static_cast<std::ptrdiff_t>(alone.size()), whole.end()) == alone);
    const auto plain = logits(served, ids, nullptr, ids.size());
    CHECK(logits(served, ids, nullptr, ids.size(), {adapter.get(), twin.get()}) == plain);
    CHECK(logits(served, ids, twin.get(), ids.size()) != alone);
  }
}

TEST_CASE("the norms are those of the weights as they are served") {
  for (const auto kept : {WeightsKept::f32, WeightsKept::bf16, WeightsKept::f16, WeightsKept::int8}) {
    INFO("kept " << int(kept));
    auto served = start(golden / "train/biased", kept);
    auto adapter = read(dora / "biased", *served.network);
    // With B zero and magnitudes that are the served rows' norms nothing changes.
    for (auto& module : adapter.modules) {
      std::ranges::fill(module.b.values, 0.0F);
      const bool is_attention = module.name.find("self_attn") != std::string::npos;
      const auto last = module.name.substr(module.name.rfind('.') + 1);
      const auto layer = module.name == "lm_head" ? 0 : module.name.at(std::string("model.layers.").size()) - '0';
      const auto group = module.name == "lm_head"  ? LoraGroup::head
                         : last == "o_proj"        ? LoraGroup::attention_out
                         : last == "down_proj"     ? LoraGroup::mlp_out
                         : is_attention            ? LoraGroup::attention_in
                                                   : LoraGroup::mlp_in;
      const auto& weight = served.network->weight(layer, group, last == "k_proj" || last == "up_proj" ? 1 : last == "v_proj" ? 2 : 0);
      REQUIRE(weight.outputs == module.b.shape[0]);
      std::vector<float> row(static_cast<std::size_t>(weight.inputs));
      for (std::int64_t o = 0; o < weight.outputs; ++o) {
        unpack_rows(weight, o, 1, row.data());
        double squares = 0;
        for (const float value : row) squares += double(value) * value;
        module.magnitude.values[static_cast<std::size_t>(o)] = static_cast<float>(std::sqrt(squares));
      }
    }
    const auto neutral = packed(adapter, *served.network);
    const Ids ids = cases()["biased"]["sequences"][1];
    CHECK(difference(logits(served, ids, neutral.get()), logits(served, ids, nullptr)) < 2e-6);
  }
}

TEST_CASE("rows taken out of panels are the values that they hold, from any row on") {
  for (const auto kept : {WeightsKept::f32, WeightsKept::bf16, WeightsKept::f16, WeightsKept::int8}) {
    const auto served = start(golden / "train/biased", kept);
    for (const auto group : {LoraGroup::attention_in, LoraGroup::mlp_in, LoraGroup::head}) {
      const auto& weight = served.network->weight(1, group, 0);
      for (const auto& [first, count] : {std::pair<std::int64_t, std::int64_t>{0, weight.outputs}, {5, 1}, {weight.outputs - 3, 3}, {7, weight.outputs - 9}}) {
        std::vector<float> rows(static_cast<std::size_t>(count * weight.inputs));
        unpack_rows(weight, first, count, rows.data());
        bool same = true;
        for (std::int64_t r = 0; r < count; ++r)
          for (std::int64_t k = 0; k < weight.inputs; ++k) same = same && rows[static_cast<std::size_t>(r * weight.inputs + k)] == weight.at(first + r, k);
        CHECK(same);
      }
    }
  }
}
