// A .gguf file: the container, its tensors, the model and the tokenizer that it describes.
#include "gpu/checkpoint/gguf.hpp"

#include <vector>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/text/tokenizer.hpp"
#include "tests/fuzz/scratch.hpp"

using namespace luthier;

namespace {

void dequantise_all(const checkpoint::GgufFile& file, std::size_t bytes) {
  std::vector<float> values;
  for (const auto& [name, tensor] : file.tensors()) {
    std::size_t count = 1;
    for (const auto extent : tensor.shape) count *= static_cast<std::size_t>(extent);
    if (count > bytes * 32) std::abort();  // more values than any of our formats packs into a byte
    values.resize(count);
    if (const auto read = checkpoint::dequantise(tensor, values); !read) fuzz::check_error(read.error().message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::scratch().write("model.gguf", fuzz::text_of(data, size));
  if (const auto file = checkpoint::GgufFile::open(path)) {
    dequantise_all(*file, size);
  } else {
    fuzz::check_error(file.error().message);
  }
  if (const auto decoder = checkpoint::read_decoder(path); !decoder) fuzz::check_error(decoder.error().message);
  const auto tokenizer = text::Tokenizer::load(path);
  if (!tokenizer) {
    fuzz::check_error(tokenizer.error().message);
    return 0;
  }
  if (const auto ids = tokenizer->encode("The größe 12345 <s> 🧑🏽‍🚀\n\n", true)) (void)tokenizer->decode(*ids, false);
  return 0;
}
