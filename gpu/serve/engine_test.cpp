// The engine with the tiny model: many requests, many adapters, little memory.
#include "gpu/serve/engine.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

using namespace luthier;
using namespace luthier::serve;
using std::chrono::milliseconds;

namespace {

const std::filesystem::path golden = "tests/golden";
const std::filesystem::path tiny = golden / "models/llama-tiny";
using Ids = std::vector<std::int32_t>;

std::unique_ptr<Engine> start(EngineOptions options = {}) {
  if (options.threads == 0) options.threads = 2;
  auto engine = Engine::start(tiny, options);
  if (!engine) FAIL(engine.error().message);
  return std::move(*engine);
}

// 2 layers, 2 heads of 16 values, keys and values: 8 KiB a block of 16 tokens.
constexpr std::size_t block_bytes = 2 * 2 * 16 * (16 + 16) * sizeof(float);

GenerationRequest request(Ids prompt, std::int64_t tokens) {
  GenerationRequest out;
  out.prompt = std::move(prompt);
  out.tokens_max = tokens;
  out.sampling.temperature = 0;
  out.ignore_eos = true;
  return out;
}

std::shared_ptr<Generation> submit(Engine& engine, GenerationRequest one) {
  std::vector<GenerationRequest> list;
  list.push_back(std::move(one));
  auto generations = engine.submit(std::move(list));
  if (!generations) FAIL(generations.error().message);
  return generations->front();
}

Ids ids_of(const Piece& piece) {
  Ids ids;
  for (const auto& token : piece.tokens) ids.push_back(token.id);
  return ids;
}

Ids prompt_of(std::size_t length, std::int32_t seed) {
  Ids ids;
  for (std::size_t i = 0; i < length; ++i) ids.push_back(3 + static_cast<std::int32_t>((i * 31 + static_cast<std::size_t>(seed) * 17) % 280));
  return ids;
}

void wait_until(const std::function<bool()>& reached) {
  for (int i = 0; i < 5000 && !reached(); ++i) std::this_thread::sleep_for(milliseconds(2));
  REQUIRE(reached());
}

}  // namespace

TEST_CASE("requests of five adapters in one batch, with too little memory for all, answer as transformers and PEFT do") {
  std::ifstream file(golden / "serve/generate.json");
  const auto rows = nlohmann::json::parse(file);
  auto engine = start({.kv_memory_bytes = 30 * block_bytes, .requests_running_max = 12, .requests_waiting_max = 200, .step_tokens_max = 48});
  std::vector<std::pair<std::shared_ptr<Generation>, Ids>> running;
  std::vector<GenerationRequest> requests;
  std::vector<Ids> expected;
  for (const auto& row : rows) {
    if (row["model"] != "models/llama-tiny") continue;
    requests.push_back(request(row["prompt"].get<Ids>(), static_cast<std::int64_t>(row["new"].size())));
    expected.push_back(row["new"].get<Ids>());
    if (row["adapter"].is_null()) continue;
    const auto name = row["adapter"].get<std::string>();
    const auto loaded = engine->adapters().load(name, golden / name, "1");
    if (!loaded) FAIL(loaded.error().message);
    requests.back().adapter = engine->adapters().find(name);
  }
  REQUIRE(requests.size() > 70);
  const auto generations = engine->submit(std::move(requests));
  if (!generations) FAIL(generations.error().message);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(ids_of((*generations)[i]->wait_all()) == expected[i]);
  CHECK(engine->load().preemptions > 0);
  wait_until([&] { return engine->load().blocks_free == 30; });
}

TEST_CASE("a seeded sample is the same alone and beside others") {
  auto engine = start();
  auto sampled = request(prompt_of(20, 1), 40);
  sampled.sampling = {.temperature = 1.2, .top_p = 0.9, .seed = 42};
  const auto alone = ids_of(submit(*engine, sampled)->wait_all());
  std::vector<std::shared_ptr<Generation>> others;
  for (int i = 0; i < 6; ++i) others.push_back(submit(*engine, request(prompt_of(30, i), 60)));
  CHECK(ids_of(submit(*engine, sampled)->wait_all()) == alone);
  sampled.sampling.seed = 43;
  CHECK(ids_of(submit(*engine, sampled)->wait_all()) != alone);
}

TEST_CASE("the pieces of a stream join to the whole text") {
  auto engine = start();
  const auto whole = submit(*engine, request(prompt_of(9, 4), 60))->wait_all();
  // A reader that is slower than the engine gets several tokens as one piece: so once in a while it is fast enough.
  int pieces = 0;
  for (int run = 0; run < 50 && pieces < 2; ++run) {
    const auto generation = submit(*engine, request(prompt_of(9, 4), 60));
    std::string joined;
    pieces = 0;
    for (bool open = true; open;)
      if (const auto piece = generation->wait(milliseconds(100))) {
        joined += piece->text;
        ++pieces;
        open = !piece->finish;
      }
    CHECK(joined == whole.text);
    CHECK(generation->completion_tokens() == 60);
  }
  CHECK(pieces > 1);
  CHECK(whole.finish == FinishReason::length);
}

TEST_CASE("a stop string ends the text before it, whichever tokens it is made of") {
  auto engine = start();
  const auto whole = submit(*engine, request(prompt_of(9, 4), 60))->wait_all().text;
  REQUIRE(whole.size() > 20);
  for (std::size_t at = 3; at + 6 < whole.size(); at += 5) {
    auto one = request(prompt_of(9, 4), 60);
    const auto stop = whole.substr(at, 6);
    one.stops = {stop};
    const auto piece = submit(*engine, one)->wait_all();
    CHECK(piece.text == whole.substr(0, whole.find(stop)));
    CHECK(piece.finish == FinishReason::stop);
  }
}

TEST_CASE("the end token ends the text and is not part of it") {
  auto engine = start();
  const auto whole = submit(*engine, request(prompt_of(12, 2), 200))->wait_all();
  const auto ids = ids_of(whole);
  const auto end = std::find(ids.begin(), ids.end(), 2);
  auto one = request(prompt_of(12, 2), 200);
  one.ignore_eos = false;
  const auto piece = submit(*engine, one)->wait_all();
  CHECK(ids_of(piece) == Ids(ids.begin(), end));
  CHECK(piece.finish == (end == ids.end() ? FinishReason::length : FinishReason::stop));
}

TEST_CASE("requests in flight keep the version of the adapter that they began with") {
  auto engine = start();
  auto& adapters = engine->adapters();
  const auto first = golden / "models/llama-tiny-adapter", second = golden / "checkpoint/adapter-rslora";
  REQUIRE(adapters.load("a", first, "1"));
  auto one = request(prompt_of(30, 3), 100);
  one.adapter = adapters.find("a");
  const auto before = ids_of(submit(*engine, one)->wait_all());

  const auto in_flight = submit(*engine, one);
  one.adapter = nullptr;
  CHECK(*adapters.load("a", second, "2") == AdapterChange::replaced);
  CHECK(ids_of(in_flight->wait_all()) == before);

  auto after = request(prompt_of(30, 3), 100);
  after.adapter = adapters.find("a");
  CHECK(after.adapter->version == "2");
  CHECK(ids_of(submit(*engine, after)->wait_all()) != before);
}

TEST_CASE("loading again changes nothing, unloading twice neither, and a version stands for the files' digest") {
  auto engine = start({.adapters_max = 2});
  auto& adapters = engine->adapters();
  const auto directory = golden / "models/llama-tiny-adapter";
  CHECK(*adapters.load("a", directory, {}) == AdapterChange::loaded);
  CHECK(adapters.find("a")->version.starts_with("sha256:"));
  CHECK(*adapters.load("a", directory, {}) == AdapterChange::unchanged);
  CHECK(*adapters.load("b", directory, "x") == AdapterChange::loaded);
  const auto third = adapters.load("c", directory, "x");
  REQUIRE_FALSE(third);
  CHECK(third.error().code == ErrorCode::limit);
  CHECK(adapters.unload("a"));
  CHECK_FALSE(adapters.unload("a"));
  CHECK(adapters.find("a") == nullptr);
  CHECK(adapters.list().size() == 1);
  CHECK(adapters.list().front().rank == 4);
  CHECK_FALSE(adapters.load("d", golden / "models/none", "x"));
  CHECK_FALSE(adapters.load("d", tiny, "x"));
}

TEST_CASE("adapters come and go under load, and every answer is that of one version") {
  auto engine = start({.requests_waiting_max = 1000});
  auto& adapters = engine->adapters();
  const std::filesystem::path directories[] = {golden / "models/llama-tiny-adapter", golden / "checkpoint/adapter-rslora"};
  Ids expected[2];
  for (int v = 0; v < 2; ++v) {
    REQUIRE(adapters.load("a", directories[v], std::to_string(v)));
    auto one = request(prompt_of(25, 8), 30);
    one.adapter = adapters.find("a");
    expected[v] = ids_of(submit(*engine, one)->wait_all());
  }
  std::atomic<bool> done{false};
  std::atomic<int> loads{0};
  std::thread changer([&] {
    for (int v = 0; !done; v ^= 1) {
      if (adapters.load("a", directories[v], std::to_string(v))) ++loads;
      std::this_thread::sleep_for(milliseconds(1));
      adapters.unload("a");
    }
  });
  int with_adapter = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (with_adapter < 20 && std::chrono::steady_clock::now() < until) {
    auto one = request(prompt_of(25, 8), 30);
    one.adapter = adapters.find("a");
    if (!one.adapter) continue;
    ++with_adapter;
    const auto version = one.adapter->version;
    CHECK(ids_of(submit(*engine, one)->wait_all()) == expected[version == "1"]);
  }
  done = true;
  changer.join();
  CHECK(with_adapter == 20);
  CHECK(loads > 2);
}

TEST_CASE("an embedding is the same bit for bit beside other requests, cut into pieces, and computed again") {
  const auto embed = [](Engine& engine, std::size_t length) {
    auto wish = request(prompt_of(length, 3), 0);
    wish.is_embedding = true;
    return submit(engine, std::move(wish));
  };
  auto alone = start();
  const auto expected = embed(*alone, 200)->wait_all().embedding;
  REQUIRE(expected.size() == static_cast<std::size_t>(alone->decoder().hidden_size));
  auto busy = start({.kv_memory_bytes = 30 * block_bytes, .step_tokens_max = 16});  // too little for all: some are computed again
  std::vector<std::shared_ptr<Generation>> others;
  for (int i = 0; i < 4; ++i) others.push_back(submit(*busy, request(prompt_of(60, i), 100)));
  const auto first = embed(*busy, 200), second = embed(*busy, 200);
  CHECK(first->wait_all().embedding == expected);
  CHECK(second->wait_all().embedding == expected);
  for (auto& other : others) CHECK(other->wait_all().tokens.size() == 100);
}

TEST_CASE("a full queue refuses, all of a caller's requests or none") {
  auto engine = start({.requests_running_max = 1, .requests_waiting_max = 2});
  const auto long_one = submit(*engine, request(prompt_of(5, 1), 400));
  wait_until([&] { return engine->load().requests_waiting == 0; });
  std::vector<GenerationRequest> four(4, request(prompt_of(5, 1), 4));  // more than there is room for even when the long one has ended
  const auto refused = engine->submit(four);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::limit);
  CHECK(refused.error().field.empty());
  four.resize(2);
  const auto taken = engine->submit(four);
  REQUIRE(taken);
  long_one->cancel();
  CHECK(taken->back()->wait_all().tokens.size() == 4);
}

TEST_CASE("a request that has been cancelled frees its blocks, running or waiting") {
  auto engine = start({.requests_running_max = 1});
  const auto free = engine->load().blocks_free;
  // A request may end by itself before this thread gets to cancel it: so once in a while that comes in time.
  bool was_running = false, was_waiting = false;
  for (int run = 0; run < 50 && !(was_running && was_waiting); ++run) {
    const auto running = submit(*engine, request(prompt_of(100, 1), 400)), waiting = submit(*engine, request(prompt_of(100, 2), 400));
    wait_until([&] {
      const auto load = engine->load();
      return load.blocks_free < free || load.requests_running + load.requests_waiting == 0;
    });
    waiting->cancel();
    was_waiting |= waiting->wait_all().finish == FinishReason::cancelled;
    running->cancel();
    was_running |= running->wait_all().finish == FinishReason::cancelled;
    wait_until([&] { return engine->load().blocks_free == free; });
  }
  CHECK(was_running);
  CHECK(was_waiting);
}

TEST_CASE("what cannot fit is refused with the numbers") {
  auto engine = start({.kv_memory_bytes = 4 * block_bytes});
  CHECK(engine->context_max() == 63);
  for (const auto& [length, tokens] : {std::pair{60, 4}, {64, 1}, {1, 63}, {5, 2'000'000'000}}) {
    std::vector<GenerationRequest> list{request(prompt_of(static_cast<std::size_t>(length), 1), tokens)};
    const auto refused = engine->submit(list);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().field == "max_tokens");
    CHECK(refused.error().message.find("63") != std::string::npos);
  }
  CHECK(submit(*engine, request(prompt_of(60, 1), 3))->wait_all().tokens.size() == 3);
  CHECK_FALSE(engine->submit({request({}, 1)}));
  CHECK_FALSE(engine->submit({request({288}, 1)}));
  CHECK_FALSE(engine->submit({request({-1}, 1)}));
  CHECK_FALSE(Engine::start(tiny, {.kv_memory_bytes = block_bytes}));
}

TEST_CASE("an engine that ends while requests run cancels them") {
  std::shared_ptr<Generation> running;
  {
    auto engine = start();
    running = submit(*engine, request(prompt_of(5, 1), 450));
  }
  const auto finish = running->wait_all().finish;
  CHECK((finish == FinishReason::cancelled || finish == FinishReason::length));
}
