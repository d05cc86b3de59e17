// luthier-simulate: one seed, or many, with a trace. ./soak simulation calls it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/simulation/simulation.hpp"

int main(int argc, char** argv) {
  using namespace luthier::simulation;
  CLI::App app("Runs the simulation and reports every seed that breaks a promise.");
  Options options;
  std::uint64_t seeds = 1;
  bool no_sync = false, no_duplicates = false;
  app.add_option("--seed", options.seed, "the first seed");
  app.add_option("--seeds", seeds, "how many");
  app.add_flag("--trace", options.trace, "print what happens, and the log");
  app.add_flag("--without-sync", no_sync, "a log that acknowledges what is not on disk");
  app.add_flag("--without-duplicate-check", no_duplicates, "a log that forgets which commands it has seen");
  CLI11_PARSE(app, argc, argv);
  options.sync = !no_sync;
  options.find_duplicates = !no_duplicates;
  int failures = 0;
  for (std::uint64_t i = 0; i < seeds; ++i, ++options.seed) {
    const auto report = simulate(options);
    for (const auto& violation : report.violations)
      std::printf("seed %lu: %s\n", static_cast<unsigned long>(options.seed), violation.c_str());
    failures += report.violations.empty() ? 0 : 1;
  }
  std::printf("%lu seeds, %d of them broke a promise\n", static_cast<unsigned long>(seeds), failures);
  return failures == 0 ? 0 : 1;
}
