#include "gpu/serve/scheduler.hpp"

#include <catch2/catch.hpp>
#include <map>

using namespace luthier;
using namespace luthier::serve;

namespace {

// Steps without a network: every complete item gets a token.
struct Run {
  explicit Run(Scheduler& scheduler) : scheduler(scheduler) {
    auto loaded = text::Tokenizer::load("tests/golden/models/llama-tiny");
    if (!loaded) FAIL(loaded.error().message);
    tokenizer = std::move(*loaded);
  }

  void add(int id, std::int64_t prompt, std::int64_t tokens) {
    GenerationRequest request;
    request.prompt.assign(static_cast<std::size_t>(prompt), id);
    request.tokens_max = tokens;
    scheduler.add(std::make_unique<Sequence>(std::move(request), std::make_shared<Generation>(), tokenizer));
  }

  void step() {
    auto items = scheduler.plan();
    std::int64_t prompt_tokens = 0;
    std::vector<BlockId> used;
    for (auto& item : items) {
      auto& sequence = *item.sequence;
      REQUIRE(static_cast<std::int64_t>(sequence.blocks.size()) >= blocks_for(sequence.computed + item.count));
      for (const auto block : sequence.blocks) REQUIRE(std::find(used.begin(), used.end(), block) == used.end());
      used.insert(used.end(), sequence.blocks.begin(), sequence.blocks.end());
      if (sequence.length() - sequence.computed > 1) prompt_tokens += item.count;
      sequence.computed += item.count;
      if (item.is_complete) tokens[sequence.request().prompt.front()] += 1;
      if (item.is_complete) grow(sequence);
    }
    prompt_tokens_max = std::max(prompt_tokens_max, prompt_tokens);
    scheduler.remove_if([&](Sequence& sequence) {
      const auto id = sequence.request().prompt.front();
      if (tokens[id] < sequence.request().tokens_max) return false;
      ended.push_back(id);
      return true;
    });
    ++steps;
  }

  static void grow(Sequence& sequence) { sequence.add({5, {}}, false); }

  Scheduler& scheduler;
  text::Tokenizer tokenizer;
  std::map<int, std::int64_t> tokens;
  std::vector<int> ended;
  std::int64_t prompt_tokens_max = 0;
  int steps = 0;
};

}  // namespace

TEST_CASE("a pool hands out each block once and takes it back") {
  BlockPool pool(3);
  const auto a = pool.acquire(), b = pool.acquire(), c = pool.acquire();
  REQUIRE((a && b && c));
  CHECK((*a != *b && *b != *c && *a != *c));
  CHECK_FALSE(pool.acquire());
  pool.release(*b);
  CHECK(pool.free() == 1);
  CHECK(pool.acquire() == b);
}

TEST_CASE("a long prompt is cut into steps, and running requests go on beside it") {
  Scheduler scheduler(100, 8, 32);
  Run run(scheduler);
  run.add(1, 4, 50);
  run.step();
  run.add(2, 200, 1);
  for (int i = 0; i < 7; ++i) run.step();
  CHECK(run.tokens[1] == 8);
  CHECK(run.tokens[2] == 1);
  CHECK(run.prompt_tokens_max == 32);
}

TEST_CASE("more requests than blocks: the rest waits, all end, and the oldest one first") {
  Scheduler scheduler(8, 8, 64);  // 128 tokens
  Run run(scheduler);
  for (int id = 1; id <= 6; ++id) run.add(id, 40, 60);  // 100 tokens each
  while (!scheduler.idle() && run.steps < 5000) run.step();
  CHECK(scheduler.idle());
  CHECK(run.ended == std::vector<int>{1, 2, 3, 4, 5, 6});
  CHECK(scheduler.preemptions() > 0);
  CHECK(scheduler.blocks_free() == 8);
}

TEST_CASE("no more requests run than may") {
  Scheduler scheduler(100, 2, 64);
  Run run(scheduler);
  for (int id = 1; id <= 5; ++id) run.add(id, 4, 3);
  run.step();
  CHECK(scheduler.running() == 2);
  CHECK(scheduler.waiting() == 3);
  while (!scheduler.idle() && run.steps < 100) run.step();
  CHECK(run.ended.size() == 5);
}

TEST_CASE("a removed request gives its blocks back") {
  Scheduler scheduler(10, 4, 64);
  Run run(scheduler);
  run.add(1, 100, 10);
  run.add(2, 100, 10);
  run.step();
  CHECK(scheduler.blocks_free() < 10);
  scheduler.remove_if([](Sequence&) { return true; });
  CHECK(scheduler.idle());
  CHECK(scheduler.blocks_free() == 10);
}
