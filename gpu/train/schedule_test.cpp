#include "gpu/train/schedule.hpp"

#include <catch2/catch.hpp>

#include "gpu/train/test_support.hpp"

using namespace luthier::train;
using namespace luthier::train::test;

namespace {

TrainingConfig config_with(TrainingConfig::Schedule schedule) {
  TrainingConfig config;
  config.schedule = schedule;
  config.learning_rate = 1.0;
  config.min_learning_rate = 0.2;
  config.warmup_steps = 4;
  return config;
}

}  // namespace

TEST_CASE("the rate rises from zero through the warm-up and then follows its schedule down") {
  using Schedule = TrainingConfig::Schedule;
  for (const Schedule schedule : {Schedule::cosine, Schedule::linear, Schedule::constant}) {
    const auto config = config_with(schedule);
    for (int step = 0; step < 4; ++step) CHECK(learning_rate(config, step, 14) == Approx(step / 4.0));
    CHECK(learning_rate(config, 4, 14) == Approx(1.0));
  }
  CHECK(learning_rate(config_with(Schedule::cosine), 9, 14) == Approx(0.6));
  CHECK(learning_rate(config_with(Schedule::cosine), 14, 14) == Approx(0.2));
  CHECK(learning_rate(config_with(Schedule::linear), 6, 14) == Approx(0.84));
  CHECK(learning_rate(config_with(Schedule::linear), 14, 14) == Approx(0.2));
  CHECK(learning_rate(config_with(Schedule::constant), 13, 14) == 1.0);
}

TEST_CASE("without warm-up the first rate is the whole one, and a warm-up as long as the run is no division by zero") {
  auto config = config_with(TrainingConfig::Schedule::cosine);
  config.warmup_steps = 0;
  CHECK(learning_rate(config, 0, 10) == Approx(1.0));
  config.warmup_steps = 10;
  CHECK(learning_rate(config, 9, 10) == Approx(0.9));
  CHECK(learning_rate(config, 10, 10) == Approx(1.0));
}

TEST_CASE("every step's rate is that of transformers' get_scheduler") {
  for (const auto& golden : read_json(goldens / "schedules.json")) {
    const auto config = take(parse_training_config(golden["config"].dump()));
    const auto& rates = golden["rates"];
    REQUIRE(rates.size() == static_cast<std::size_t>(*config.max_steps));
    for (std::size_t step = 0; step < rates.size(); ++step) {
      INFO(golden["config"].dump() << " step " << step);
      CHECK(learning_rate(config, static_cast<std::int64_t>(step), *config.max_steps) == Approx(rates[step].get<double>()).epsilon(1e-12).margin(1e-18));
    }
  }
}
