#include "gpu/serve/pack_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "gpu/checkpoint/half.hpp"

namespace luthier::serve {
namespace {

void pack_int8(const float* values, std::int64_t inputs, std::byte* out) {
  constexpr std::int64_t width = WeightMatrix::width;
  float scales[width] = {}, inverse[width];
  for (std::int64_t k = 0; k < inputs; ++k)
    for (std::int64_t j = 0; j < width; ++j) scales[j] = std::max(scales[j], std::abs(values[k * width + j]));
  for (std::int64_t j = 0; j < width; ++j) {
    scales[j] /= 127.0F;
    inverse[j] = scales[j] > 0 ? 1.0F / scales[j] : 0.0F;
  }
  std::memcpy(out, scales, sizeof scales);
  auto* to = reinterpret_cast<std::int8_t*>(out + WeightMatrix::scale_bytes);
  constexpr float shift = 12582912.0F;  // 1.5 * 2^23: what is added to it is rounded to a whole number, ties to even
  for (std::int64_t k = 0; k < inputs; ++k)
    for (std::int64_t j = 0; j < width; ++j) {
      const float whole = (values[k * width + j] * inverse[j] + shift) - shift;  // within 127: the row's largest made the scale
      to[k * width + j] = static_cast<std::int8_t>(static_cast<std::int32_t>(std::min(std::max(whole, -127.0F), 127.0F)));
    }
}

}  // namespace

bool holds_exactly(Storage storage, std::span<const float> values) {
  constexpr std::size_t at_once = 4096;  // what is not exact shows soon
  for (std::size_t begin = 0; begin < values.size(); begin += at_once) {
    const auto part = values.subspan(begin, std::min(at_once, values.size() - begin));
    std::uint32_t lost = 0;
    switch (storage) {
      case Storage::f32: return true;
      case Storage::int8: return false;
      case Storage::bf16:
        for (const float value : part) lost |= std::bit_cast<std::uint32_t>(value) & 0xFFFFu;
        break;
      case Storage::f16:
        for (const float value : part)
          lost |= std::bit_cast<std::uint32_t>(value) ^ std::bit_cast<std::uint32_t>(checkpoint::f32_of_f16(f16_of_f32(value)));
        break;
    }
    if (lost != 0) return false;
  }
  return true;
}

void pack_weights(const MatrixView& from, const WeightMatrix& into, std::int64_t i, const RowKernels& kernels, float* room, std::byte* out) {
  const std::int64_t count = WeightMatrix::width * into.inputs;
  switch (into.storage) {
    case Storage::f32: return pack_panel(from, WeightMatrix::width, i, reinterpret_cast<float*>(out));
    case Storage::int8: pack_panel(from, WeightMatrix::width, i, room); return pack_int8(room, into.inputs, out);
    case Storage::f16:
      pack_panel(from, WeightMatrix::width, i, room);
      return kernels.narrow_to_f16(room, reinterpret_cast<std::uint16_t*>(out), count);
    case Storage::bf16: break;
  }
  pack_panel(from, WeightMatrix::width, i, room);
  auto* to = reinterpret_cast<std::uint16_t*>(out);
  for (std::int64_t k = 0; k < count; ++k) to[k] = checkpoint::bf16_of_f32(room[k]);
}

void unpack_rows(const WeightMatrix& from, std::int64_t first, std::int64_t count, float* rows) {
#pragma omp parallel for schedule(static) if (count > WeightMatrix::width)
  for (std::int64_t row = 0; row < count; ++row)
    for (std::int64_t k = 0; k < from.inputs; ++k) rows[row * from.inputs + k] = from.at(first + row, k);
}

}  // namespace luthier::serve
