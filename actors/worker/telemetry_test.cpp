#include "actors/worker/telemetry.hpp"

#include <catch2/catch.hpp>

namespace luthier::worker {

using std::chrono::milliseconds;

TEST_CASE("progress is sent at most once in a while, and the newest line is kept") {
  ProgressThrottle throttle(milliseconds(200));
  const auto start = ProgressThrottle::Time{} + milliseconds(1000);
  CHECK(throttle.offer("1", start) == "1");
  CHECK_FALSE(throttle.offer("2", start + milliseconds(10)));
  CHECK_FALSE(throttle.offer("3", start + milliseconds(20)));
  REQUIRE(throttle.due());
  CHECK(*throttle.due() == start + milliseconds(200));
  CHECK_FALSE(throttle.take(start + milliseconds(199)));
  CHECK(throttle.take(start + milliseconds(200)) == "3");
  CHECK_FALSE(throttle.due());
}

TEST_CASE("a flood of log lines is cut, and the number left out is told") {
  LogThrottle throttle(3);
  const auto start = LogThrottle::Time{} + milliseconds(1000);
  int sent = 0;
  for (int i = 0; i < 10; ++i) sent += throttle.allows(start + milliseconds(i));
  CHECK(sent == 3);
  CHECK(throttle.allows(start + milliseconds(1001)));
  CHECK(throttle.take_left_out() == 7);
  CHECK(throttle.take_left_out() == 0);
}

}  // namespace luthier::worker
