#include "gpu/kernels/profile.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace luthier::kernels;

namespace {

void busy(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {}
}

void a_step() {
  const Timed step("step");
  {
    const Timed alone("rows");
    busy(std::chrono::milliseconds(3));
  }
  const Timed phase("forward");
  busy(std::chrono::milliseconds(1));
  for (int i = 0; i < 3; ++i) {
    const Timed outer("product");
    busy(std::chrono::milliseconds(4));
    const Timed inner("bias");
    busy(std::chrono::milliseconds(2));
  }
}

const Profile::Row& row_of(const std::vector<Profile::Row>& rows, const std::string& name) {
  for (const auto& row : rows)
    if (row.name == name) return row;
  FAIL("no row " << name);
  return rows.front();
}

}  // namespace

TEST_CASE("a profile gives every operation its own time, without that of the timers inside, and says what it left unaccounted") {
  Profile profile(true);
  profile.start();
  a_step();
  profile.pause();
  a_step();  // nobody measures
  const auto rows = profile.rows();
  CHECK(rows.size() == 5);
  CHECK(rows.front().name == "forward: product");
  CHECK(row_of(rows, "forward: product").calls == 3);
  CHECK(row_of(rows, "forward: product").seconds >= 0.012);
  CHECK(row_of(rows, "forward: bias").seconds >= 0.006);
  CHECK(row_of(rows, "forward: the rest").seconds >= 0.001);
  CHECK(row_of(rows, "rows").seconds >= 0.003);
  double sum = 0;
  for (const auto& row : rows) sum += row.seconds;
  CHECK(sum == Approx(profile.seconds()));
  const double rest = row_of(rows, "forward: the rest").seconds + row_of(rows, "step: the rest").seconds;
  CHECK(profile.accounted() == Approx(1 - rest / profile.seconds()));
  REQUIRE(profile.events().size() == 9);
  CHECK(profile.events().back().depth == 0);
}

TEST_CASE("timers of other threads, and of a time without a profile, count nowhere") {
  a_step();
  Profile profile(false);
  profile.start();
  std::thread(a_step).join();
  CHECK(profile.rows().empty());
  CHECK(profile.seconds() == 0);
}
