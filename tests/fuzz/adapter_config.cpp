// adapter_config.json of a LoRA adapter, and what it selects in a small model.
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto decoder = checkpoint::read_decoder("tests/golden/models/llama-tiny");
  if (!decoder) std::abort();  // not run from the repository's root
  const auto config = checkpoint::read_lora_config(fuzz::scratch().write("adapter_config.json", fuzz::text_of(data, size)));
  if (!config) {
    fuzz::check_error(config.error().message);
    return 0;
  }
  if (const auto adapter = checkpoint::make_adapter(*config, *decoder); !adapter) fuzz::check_error(adapter.error().message);
  return 0;
}
