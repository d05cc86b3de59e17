// Greedy answers of the whole engine, many at once and with little memory, against transformers' generate()
// (tests/golden/make_family_generations.py): what a family counts by is crossed while it generates.
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "events/base/temporary_directory.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/serve/engine.hpp"
#include "gpu/serve/kv_cache.hpp"

using namespace luthier;
using namespace luthier::serve;

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

struct Row {
  Ids prompt, expected;
};

std::map<std::string, std::vector<Row>> rows_by_family() {
  std::ifstream file("tests/golden/serve/families.json");
  std::map<std::string, std::vector<Row>> out;
  for (const auto& row : nlohmann::json::parse(file))
    out[row["family"].get<std::string>()].push_back({row["prompt"].get<Ids>(), row["new"].get<Ids>()});
  return out;
}

// The families' directories have no tokenizer, and the engine needs one to make text.
std::unique_ptr<Engine> start(const std::string& family, const fs::path& directory, std::size_t kv_memory_bytes) {
  for (const auto& file : fs::directory_iterator(fs::path("tests/golden/families") / family))
    if (file.is_regular_file()) fs::copy_file(file.path(), directory / file.path().filename(), fs::copy_options::overwrite_existing);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
    fs::copy_file(fs::path("tests/golden/models/llama-tiny") / name, directory / name, fs::copy_options::overwrite_existing);
  auto engine = Engine::start(directory, {.threads = 2, .kv_memory_bytes = kv_memory_bytes, .step_tokens_max = 6});
  if (!engine) FAIL(engine.error().message);
  return std::move(*engine);
}

std::vector<Ids> answers(Engine& engine, const std::vector<Row>& rows) {
  std::vector<GenerationRequest> requests;
  for (const auto& row : rows) {
    auto& one = requests.emplace_back();
    one.prompt = row.prompt;
    one.tokens_max = static_cast<std::int64_t>(row.expected.size());
    one.sampling.temperature = 0;
    one.ignore_eos = true;
  }
  auto generations = engine.submit(std::move(requests));
  if (!generations) FAIL(generations.error().message);
  std::vector<Ids> out;
  for (const auto& generation : *generations) {
    auto& ids = out.emplace_back();
    for (const auto& token : generation->wait_all().tokens) ids.push_back(token.id);
  }
  return out;
}

}  // namespace

TEST_CASE("families generate what transformers generates, all at once, cut into pieces and computed again") {
  const auto families = rows_by_family();
  REQUIRE(families.size() >= 8);
  std::int64_t preemptions = 0;
  for (const auto& [family, rows] : families) {
    INFO(family);
    const TemporaryDirectory directory;
    std::vector<Ids> expected;
    for (const auto& row : rows) expected.push_back(row.expected);
    auto engine = start(family, directory.path(), std::size_t{64} << 20);
    CHECK(answers(*engine, rows) == expected);
    engine.reset();
    // Three sequences that each grow to two or three blocks, and memory for four.
    const auto decoder = checkpoint::read_decoder(directory.path());
    REQUIRE(decoder);
    std::size_t heads = 0;
    for (const auto& layer : decoder->layers) heads += static_cast<std::size_t>(layer.num_heads > 0 ? layer.num_kv_heads : 0);
    const auto head_floats = static_cast<std::size_t>(KvShape{{}, decoder->head_dim}.head_floats());
    auto tight = start(family, directory.path(), 4 * heads * head_floats * sizeof(float));
    CHECK(answers(*tight, rows) == expected);
    preemptions += tight->load().preemptions;
  }
  CHECK(preemptions >= 8);
}

TEST_CASE("a model that makes embeddings refuses to generate, and embeds texts of any length in one piece") {
  const TemporaryDirectory directory;
  auto engine = start("bert", directory.path(), std::size_t{1} << 20);
  std::vector<GenerationRequest> requests(1);
  requests[0].prompt = {3, 4, 5};
  const auto refused = engine->submit(requests);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("embeddings") != std::string::npos);

  const auto embed = [&](std::vector<std::size_t> lengths) {
    std::vector<GenerationRequest> wishes;
    for (const auto length : lengths) {
      auto& one = wishes.emplace_back();
      for (std::size_t i = 0; i < length; ++i) one.prompt.push_back(static_cast<std::int32_t>(3 + i * 7 % 90));
      one.tokens_max = 0;
      one.is_embedding = true;
    }
    auto generations = engine->submit(std::move(wishes));
    if (!generations) FAIL(generations.error().message);
    std::vector<std::vector<float>> out;
    for (const auto& generation : *generations) out.push_back(generation->wait_all().embedding);
    return out;
  };
  const auto alone = embed({40}), together = embed({9, 40, 20, 40, 1, 47});
  CHECK(together[1] == alone[0]);
  CHECK(together[3] == alone[0]);
  CHECK(together[0] != alone[0]);
}
