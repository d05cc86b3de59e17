#include "gpu/serve/panels.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "gpu/checkpoint/half.hpp"

namespace luthier::serve {

Result<WeightsKept> weights_kept(std::string_view name) {
  if (name == "as-stored") return WeightsKept::as_stored;
  if (name == "f32") return WeightsKept::f32;
  if (name == "bf16") return WeightsKept::bf16;
  if (name == "f16") return WeightsKept::f16;
  if (name == "int8") return WeightsKept::int8;
  return invalid("\"" + std::string(name) + "\" is none of as-stored, f32, bf16, f16 and int8", "weights");
}

std::int64_t WeightMatrix::panel_bytes() const {
  switch (storage) {
    case Storage::f32: return width * inputs * 4;
    case Storage::bf16:
    case Storage::f16: return width * inputs * 2;
    case Storage::int8: return scale_bytes + width * inputs;
  }
  return 0;
}

namespace {

template <class T>
T value_at(T value, const std::byte* from, std::int64_t i) {
  std::memcpy(&value, from + i * static_cast<std::int64_t>(sizeof value), sizeof value);
  return value;
}

}  // namespace

float Table::at(std::int64_t row, std::int64_t i) const {
  const std::int64_t index = row * width + i;
  switch (storage) {
    case Storage::bf16: return checkpoint::f32_of_bf16(value_at(std::uint16_t{}, data, index));
    case Storage::f16: return checkpoint::f32_of_f16(value_at(std::uint16_t{}, data, index));
    case Storage::f32: case Storage::int8: break;
  }
  return value_at(0.0F, data, index);
}

float WeightMatrix::at(std::int64_t output, std::int64_t input) const {
  const std::byte* own = panel(output / width);
  const std::int64_t lane = output % width, index = input * width + lane;
  switch (storage) {
    case Storage::f32: return value_at(0.0F, own, index);
    case Storage::bf16: return checkpoint::f32_of_bf16(value_at(std::uint16_t{}, own, index));
    case Storage::f16: return checkpoint::f32_of_f16(value_at(std::uint16_t{}, own, index));
    case Storage::int8: return value_at(0.0F, own, lane) * static_cast<float>(value_at(std::int8_t{}, own + scale_bytes, index));
  }
  return 0;
}

std::int64_t packed_size(std::int64_t outputs, std::int64_t inputs, int width) {
  return (outputs + width - 1) / width * width * inputs;
}

void pack_panel(const MatrixView& from, int width, std::int64_t i, float* out) {
  const std::int64_t first = i * width;
  const std::int64_t count = std::min<std::int64_t>(width, from.outputs - first);
  const float* begin = from.data + first * from.output_stride;
  for (std::int64_t k = 0; k < from.inputs; ++k) {
    const float* row = begin + k * from.input_stride;
    float* to = out + k * width;
    for (std::int64_t j = 0; j < count; ++j) to[j] = row[j * from.output_stride];
    std::fill(to + count, to + width, 0.0F);
  }
}

void pack_dots(std::span<const float* const> rows, const DotMatrix& into, float* out) {
  for (std::int64_t first = 0; first < into.outputs; first += into.group_at(first)) {
    const int group = into.group_at(first);
    for (std::int64_t i = 0; i < into.inputs; i += 16)
      for (int r = 0; r < group; ++r, out += 16) {
        const std::int64_t count = std::min<std::int64_t>(16, into.inputs - i);
        std::fill(std::copy_n(rows[static_cast<std::size_t>(first + r)] + i, count, out), out + 16, 0.0F);
      }
  }
}

std::int64_t row_stride(std::int64_t width) { return (width + 31) / 32 * 32 + 16; }

}  // namespace luthier::serve
