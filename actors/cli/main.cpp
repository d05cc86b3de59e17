#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "actors/cli/cli.hpp"

namespace {

// OpenMP's threads spin for about a millisecond by default before they sleep. On cores that others use as well that costs a training
// up to half of its speed, and sleeping at once costs a tenth on quiet ones; about a tenth of the default is best on both. The
// runtime reads this when the program is loaded, so the program is loaded again.
void wait_briefly(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  ::setenv("GOMP_SPINCOUNT", "20000", 1);
  ::execv("/proc/self/exe", argv);  // where that fails, the default will do
}

bool computes(std::string_view verb) { return verb == "train" || verb == "engine" || verb == "generate" || verb == "embed"; }

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && computes(argv[1])) wait_briefly(argv);
  return luthier::cli::run_cli(argc, argv);
}
