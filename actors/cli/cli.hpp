// The command line: `luthier NOUN VERB`.
#pragma once

namespace luthier::cli {

// The exit code: 0 done, 1 refused or failed, 2 wrong usage (engine verbs: bad input), 3 unavailable or timed out.
int run_cli(int argc, char** argv);

}  // namespace luthier::cli
