#include "actors/node/http_platform.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

#include "events/log/memory_log.hpp"

using namespace luthier;

TEST_CASE("ids are of random bytes that no two requests share, whichever thread asks") {
  const log::MemoryLog log;
  const auto models = projections::read_models_at(log, 0);
  REQUIRE(models);
  const SystemClock clock;
  node::HttpPlatform platform(**models, clock);
  std::vector<std::vector<std::string>> of_threads(4);
  std::vector<std::thread> threads;
  for (auto& ids : of_threads)
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) ids.push_back(platform.random_bytes(16));
    });
  for (auto& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& ids : of_threads) all.insert(ids.begin(), ids.end());
  CHECK(all.size() == 4'000);
  for (const std::size_t count : {0, 1, 1'023, 1'024, 5'000}) {
    const auto bytes = platform.random_bytes(count);
    CHECK(bytes.size() == count);
    // A stretch that was never filled would be zeros; 8 in a row by chance are in 5,000 random bytes once in 10^15.
    CHECK(bytes.find(std::string(8, '\0')) == bytes.npos);
  }
}
