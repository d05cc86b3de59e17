// A whole installation in one thread: the control plane with its real actors and its real RocksDB log, two workers, clients,
// and a bus, a disk and processes that fail in every way the design allows for. A seed decides everything, so a seed is a
// complete bug report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace luthier::simulation {

struct Options {
  std::uint64_t seed = 1;
  int chaos_seconds = 60;   // virtual: things go wrong
  int calm_seconds = 240;   // then at most so long until all is at rest
  bool sync = true;             // false: a log that acknowledges what is not on disk
  bool find_duplicates = true;  // false: a log that does not know which commands it has seen
  bool trace = false;           // prints what happens
};

struct Report {
  std::vector<std::string> violations;  // of what was promised; empty: all held
  std::int64_t receipts = 0, events = 0, jobs_ended = 0, adapters = 0;
  std::int64_t plane_crashes = 0, power_cuts = 0, worker_crashes = 0, bus_outages = 0;
  std::string digest;  // of the whole log: the same seed gives the same one
};

Report simulate(const Options& options);

}  // namespace luthier::simulation
