// config.json and generation_config.json of a model, as a decoder, as a description, and written again.
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/hub_config.hpp"
#include "gpu/checkpoint/hub_spec.hpp"
#include "gpu/checkpoint/json_file.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = checkpoint::parse_object(fuzz::text_of(data, size), "config.json");
  if (!json) {
    fuzz::check_error(json.error().message);
    return 0;
  }
  if (const auto spec = checkpoint::hub_spec(*json, "config.json"); !spec) fuzz::check_error(spec.error().message);
  auto decoder = checkpoint::parse_hub_config(*json, "config.json");
  if (!decoder) {
    fuzz::check_error(decoder.error().message);
    return 0;
  }
  (void)checkpoint::count_parameters(*decoder);
  if (const auto applied = checkpoint::apply_generation_config(*json, "generation_config.json", *decoder); !applied) fuzz::check_error(applied.error().message);
  // What we write, we must be able to read.
  if (const auto again = checkpoint::parse_hub_config(checkpoint::hub_config(*decoder), "config.json"); !again) {
    std::fprintf(stderr, "written but not read: %s\n", again.error().message.c_str());
    std::abort();
  }
  return 0;
}
