// The configuration of a training run, and the canonical line that is written of it.
#include "gpu/train/config.hpp"

#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = train::parse_training_config(fuzz::text_of(data, size));
  if (!config) {
    fuzz::check_error(config.error().message);
    return 0;
  }
  // A job records the canonical line, and its worker reads that.
  const std::string line = train::canonical_json(*config);
  const auto again = train::parse_training_config(line);
  if (!again) {
    std::fprintf(stderr, "written but not read: %s\n", again.error().message.c_str());
    std::abort();
  }
  if (train::canonical_json(*again) != line) std::abort();
  return 0;
}
