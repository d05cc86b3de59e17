#include "gpu/train/watch.hpp"

#include <catch2/catch.hpp>

using namespace luthier::train;

TEST_CASE("a spike is a loss above the factor times the median of the last ones, once there are enough") {
  SpikeWatch watch(3);
  for (std::size_t i = 0; i + 1 < SpikeWatch::losses_least; ++i) watch.add(1.0 + 0.01 * static_cast<double>(i % 3));
  CHECK_FALSE(watch.spike(100));
  watch.add(50);  // one high loss among the last ones does not move the median
  CHECK_FALSE(watch.spike(2.9));
  REQUIRE(watch.spike(3.1));
  CHECK(*watch.spike(3.1) == Approx(1.01));
  for (std::size_t i = 0; i < SpikeWatch::window; ++i) watch.add(0.1);  // older losses are forgotten
  CHECK(watch.spike(0.31));
  CHECK_FALSE(watch.spike(0.29));
}

TEST_CASE("without a factor nothing is a spike") {
  SpikeWatch watch;
  for (int i = 0; i < 100; ++i) watch.add(1);
  CHECK_FALSE(watch.spike(1e9));
}

TEST_CASE("the best validation is the lowest one, and patience ends after so many without a fall of min_delta") {
  Validations validations(EarlyStopping{.patience = 2, .min_delta = 0.1});
  CHECK_FALSE(validations.has_best());
  CHECK(validations.add(10, 1.0));
  CHECK_FALSE(validations.add(20, 1.2));
  CHECK_FALSE(validations.exhausted());
  CHECK(validations.add(30, 0.8));  // a fall of 0.2: patience begins again
  CHECK(validations.add(40, 0.75));  // lower, and the best, but by less than min_delta
  CHECK_FALSE(validations.exhausted());
  CHECK_FALSE(validations.add(50, 0.75));
  CHECK(validations.exhausted());
  CHECK(validations.best_step() == 40);
  CHECK(validations.best_loss() == 0.75);

  Validations endless;
  for (int step = 1; step < 100; ++step) endless.add(step, 1);
  CHECK_FALSE(endless.exhausted());
  CHECK(endless.best_step() == 1);
}
