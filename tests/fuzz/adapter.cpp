// A LoRA adapter as somebody uploads it: adapter_config.json, a NUL, adapter_model.safetensors.
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto decoder = checkpoint::read_decoder("tests/golden/models/llama-tiny");
  if (!decoder) std::abort();  // not run from the repository's root
  const auto text = fuzz::text_of(data, size);
  const auto config_size = std::min(text.find('\0'), size);
  fuzz::scratch().write("adapter_config.json", text.substr(0, config_size));
  fuzz::scratch().write("adapter_model.safetensors", text.substr(std::min(config_size + 1, size)));
  if (const auto adapter = checkpoint::load_adapter(fuzz::scratch().path(), *decoder); !adapter) fuzz::check_error(adapter.error().message);
  return 0;
}
