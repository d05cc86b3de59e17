#include "gpu/train/schedule.hpp"

#include <catch2/catch.hpp>

using namespace luthier::train;

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
