// A .safetensors file: header, offsets, data. Whatever opens must be readable to its last tensor.
#include "gpu/checkpoint/safetensors.hpp"

#include <vector>

#include "tests/fuzz/scratch.hpp"

using namespace luthier;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = checkpoint::SafetensorsFile::open(fuzz::scratch().write("model.safetensors", fuzz::text_of(data, size)));
  if (!file) {
    fuzz::check_error(file.error().message);
    return 0;
  }
  std::vector<float> values;
  for (const auto& [name, tensor] : file->tensors()) {
    if (tensor.count() > size * 8) std::abort();  // more values than bytes: they cannot be there
    values.resize(tensor.count());
    if (const auto read = checkpoint::to_f32(tensor, values); !read) fuzz::check_error(read.error().message);
  }
  return 0;
}
