#include "tests/simulation/simulation.hpp"

#include <catch2/catch.hpp>

using namespace luthier::simulation;

namespace {

std::string first_violation(const Options& options) {
  const auto report = simulate(options);
  return report.violations.empty() ? "" : report.violations.front();
}

bool some_seed_fails(Options options, std::uint64_t seeds) {
  for (options.seed = 1; options.seed <= seeds; ++options.seed)
    if (!first_violation(options).empty()) return true;
  return false;
}

}  // namespace

TEST_CASE("no seed loses, doubles or reorders what was receipted, and each job ends once") {
  Report sum;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Options options;
    options.seed = seed;
    const auto report = simulate(options);
    INFO("repeat with: ./soak simulation --seed " << seed << " --trace");
    for (const auto& violation : report.violations) UNSCOPED_INFO(violation);
    CHECK(report.violations.empty());
    sum.receipts += report.receipts;
    sum.events += report.events;
    sum.jobs_ended += report.jobs_ended;
    sum.plane_crashes += report.plane_crashes;
    sum.power_cuts += report.power_cuts;
    sum.worker_crashes += report.worker_crashes;
    sum.bus_outages += report.bus_outages;
  }
  WARN(sum.receipts << " receipts, " << sum.events << " events, " << sum.jobs_ended << " jobs ended, " << sum.plane_crashes << " kills and "
                    << sum.power_cuts << " power cuts of the control plane, " << sum.worker_crashes << " of workers, " << sum.bus_outages
                    << " outages of the bus");
  // A simulation in which nothing happens proves nothing.
  CHECK(sum.jobs_ended > 200);
  CHECK(sum.plane_crashes + sum.power_cuts > 200);
}

TEST_CASE("the same seed gives the same log") {
  Options options;
  options.seed = 7;
  const auto first = simulate(options);
  CHECK(simulate(options).digest == first.digest);
  CHECK(first.digest.size() == 64);
}

TEST_CASE("a log that does not sync is found out") {
  Options options;
  options.sync = false;
  CHECK(some_seed_fails(options, 20));
}

TEST_CASE("a log that forgets which commands it has seen is found out") {
  Options options;
  options.find_duplicates = false;
  CHECK(some_seed_fails(options, 20));
}
