#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "actors/cli/cli.hpp"

namespace {

// OpenMP's threads spin before they sleep: by default so long that a training on shared cores loses half of its speed. A short spin was
// the fastest on quiet and on shared cores (docs/decisions/0005). The runtime reads this when the program is loaded, so the program
// is loaded again.
void wait_briefly(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  ::setenv("GOMP_SPINCOUNT", "20000", 1);
  ::execv("/proc/self/exe", argv);  // where that fails, the default will do
}

bool computes(std::string_view verb) { return verb == "train" || verb == "engine" || verb == "generate" || verb == "embed" || verb == "eval-embedding"; }

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && computes(argv[1])) wait_briefly(argv);
  return luthier::cli::run_cli(argc, argv);
}
