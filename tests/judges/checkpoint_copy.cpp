// Reads a model or an adapter and writes it again, for checkpoint_roundtrip.py.
//   checkpoint_copy model FROM TO [SHARD_BYTES]
//   checkpoint_copy adapter MODEL FROM TO
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"

using namespace luthier;

namespace {

Result<void> copy_model(const char* from, const char* to, const char* shard_bytes) {
  const auto model = checkpoint::load_model(from);
  if (!model) return model.error();
  return checkpoint::save_model(to, model->decoder, model->weights, std::strtoull(shard_bytes, nullptr, 10));
}

Result<void> copy_adapter(const char* model, const char* from, const char* to) {
  const auto decoder = checkpoint::read_decoder(model);
  if (!decoder) return decoder.error();
  const auto adapter = checkpoint::load_adapter(from, *decoder);
  if (!adapter) return adapter.error();
  return checkpoint::save_adapter(to, *adapter);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view what = count > 1 ? arguments[1] : "";
  const bool is_model = what == "model" && (count == 4 || count == 5), is_adapter = what == "adapter" && count == 5;
  if (!is_model && !is_adapter) {
    std::cerr << "checkpoint_copy model FROM TO [SHARD_BYTES] | checkpoint_copy adapter MODEL FROM TO\n";
    return 2;
  }
  const auto copied = is_adapter ? copy_adapter(arguments[2], arguments[3], arguments[4])
                                 : copy_model(arguments[2], arguments[3], count == 5 ? arguments[4] : "4294967296");
  if (copied) return 0;
  std::cerr << copied.error().message << "\n";
  return 2;
}
