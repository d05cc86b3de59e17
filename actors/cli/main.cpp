#include "actors/cli/cli.hpp"

int main(int argc, char** argv) { return luthier::cli::run_cli(argc, argv); }
