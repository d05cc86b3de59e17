#include "gpu/model/rounded_weights.hpp"

#include <numeric>

#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/kernels/bfloat16.hpp"

namespace luthier::model {
namespace {

using checkpoint::StoredKind;

// What a frozen base would have in bf16, without an embedding that nothing is multiplied with.
checkpoint::Weights::Shapes rounded_shapes(const checkpoint::Decoder& decoder) {
  checkpoint::Weights::Shapes shapes;
  const auto outer = checkpoint::outer_tensors(decoder);
  for (const auto& [name, shape] : checkpoint::weight_shapes(decoder)) {
    if (name == outer.embedding && name != outer.head) continue;
    if (stored_kind(decoder, checkpoint::BaseStorage::bf16, name, shape) == StoredKind::bf16) shapes.emplace(name, shape);
  }
  return shapes;
}

}  // namespace

Result<checkpoint::Weights> allocate_rounded(const checkpoint::Decoder& decoder) {
  return checkpoint::Weights::allocate(rounded_shapes(decoder), [](const std::string&, const std::vector<std::int64_t>&) { return StoredKind::bf16; });
}

std::size_t rounded_bytes(const checkpoint::Decoder& decoder) {
  std::size_t bytes = 0;
  for (const auto& [name, shape] : rounded_shapes(decoder)) {
    const auto count = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    bytes += (static_cast<std::size_t>(count) * sizeof(kernels::Bfloat16) + 63) / 64 * 64;
  }
  return bytes;
}

void round_into(const checkpoint::Weights& weights, const checkpoint::Weights& rounded) {
  for (const auto& [name, copy] : rounded.tensors()) {
    const auto& values = weights.find(name)->values;
    const auto count = static_cast<std::int64_t>(values.size());
    kernels::narrow(1, count, 1, values.data(), count, reinterpret_cast<kernels::Bfloat16*>(copy.stored.codes), count);
  }
}

}  // namespace luthier::model
