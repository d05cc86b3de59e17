#include "gpu/serve/team.hpp"

#include <catch2/catch.hpp>
#include <chrono>

using namespace luthier::serve;

TEST_CASE("every item of every phase is done once, and a phase begins after the one before") {
  for (const int threads : {1, 2, 5}) {
    Team team(threads);
    for (int step = 0; step < 50; ++step) {
      constexpr std::int64_t items = 37, phases = 40;
      std::vector<std::atomic<int>> done(items);
      std::atomic<bool> in_order{true};
      team.run([&](Worker& worker) {
        for (int phase = 0; phase < phases; ++phase)
          worker.each(items, [&](std::int64_t i) {
            if (done[static_cast<std::size_t>(i)].fetch_add(1) != phase) in_order = false;
          });
      });
      CHECK(in_order);
      for (const auto& count : done) CHECK(count == phases);
    }
  }
}

TEST_CASE("neighbours are done together, every item once, and those who are done early help the others") {
  for (const int threads : {1, 2, 3, 5}) {
    Team team(threads);
    for (const std::int64_t items : {0, 1, 2, 7, 18, 100})
      for (const std::int64_t at_once : {1, 2, 3}) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(items));
        std::atomic<bool> too_many{false};
        team.run([&](Worker& worker) {
          for (int phase = 0; phase < 3; ++phase)
            worker.each(items, at_once, [&](std::int64_t first, std::int64_t count) {
              if (count < 1 || count > at_once) too_many = true;
              if (worker.own_part(items).first == 0 && first == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
              for (std::int64_t i = first; i < first + count; ++i) done[static_cast<std::size_t>(i)].fetch_add(1);
            });
        });
        CHECK_FALSE(too_many);
        for (const auto& count : done) CHECK(count == 3);
      }
  }
}

TEST_CASE("a team that has slept wakes up") {
  Team team(3);
  std::atomic<int> done{0};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    team.run([&](Worker& worker) { worker.each(10, [&](std::int64_t) { ++done; }); });
  }
  CHECK(done == 50);
}
