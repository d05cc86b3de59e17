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

using Eight = std::uint16_t __attribute__((vector_size(16), aligned(2), may_alias));

// 8 rows of 8 values, turned: neighbours of two rows take turns, then pairs, then fours.
void turn_eight(const std::byte* from, std::int64_t row_bytes, std::uint16_t* to, std::int64_t to_stride) {
  Eight a[8], b[8];
  for (std::int64_t j = 0; j < 8; ++j) std::memcpy(&a[j], from + j * row_bytes, sizeof(Eight));
  for (int j = 0; j < 4; ++j) {
    b[2 * j] = __builtin_shufflevector(a[j], a[j + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    b[2 * j + 1] = __builtin_shufflevector(a[j], a[j + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int j = 0; j < 4; ++j) {
    a[2 * j] = __builtin_shufflevector(b[j], b[j + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    a[2 * j + 1] = __builtin_shufflevector(b[j], b[j + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (int j = 0; j < 4; ++j) {
    b[2 * j] = __builtin_shufflevector(a[j], a[j + 4], 0, 8, 1, 9, 2, 10, 3, 11);
    b[2 * j + 1] = __builtin_shufflevector(a[j], a[j + 4], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  for (std::int64_t n = 0; n < 8; ++n) std::memcpy(to + n * to_stride, &b[n], sizeof(Eight));
}

// Rows [first, first + count) of 16-bit values, turned: to[input * 32 + row], for `inputs` inputs from `k` on.
void turn_rows(const StoredView& from, std::int64_t first, std::int64_t count, std::int64_t k, std::int64_t inputs, std::uint16_t* to) {
  constexpr std::int64_t width = WeightMatrix::width;
  const std::int64_t row_bytes = 2 * from.output_stride;
  const std::byte* const begin = from.halves + 2 * (from.first + first * from.output_stride + k);
  const std::int64_t rows_whole = count / 8 * 8, inputs_whole = inputs / 8 * 8;
  for (std::int64_t n = 0; n < inputs_whole; n += 8)
    for (std::int64_t j = 0; j < rows_whole; j += 8) turn_eight(begin + j * row_bytes + 2 * n, row_bytes, to + n * width + j, width);
  for (std::int64_t n = 0; n < inputs; ++n)
    for (std::int64_t j = n < inputs_whole ? rows_whole : 0; j < width; ++j) {
      std::uint16_t bits = 0;
      if (j < count) std::memcpy(&bits, begin + j * row_bytes + 2 * n, sizeof bits);
      to[n * width + j] = bits;
    }
}

}  // namespace

void narrow(Storage storage, const float* values, std::int64_t count, const RowKernels& kernels, std::byte* out) {
  switch (storage) {
    case Storage::f32: case Storage::int8: std::memcpy(out, values, static_cast<std::size_t>(count) * sizeof(float)); return;
    case Storage::f16: return kernels.narrow_to_f16(values, reinterpret_cast<std::uint16_t*>(out), count);
    case Storage::bf16: break;
  }
  auto* const to = reinterpret_cast<std::uint16_t*>(out);
  for (std::int64_t k = 0; k < count; ++k) to[k] = checkpoint::bf16_of_f32(values[k]);
}

void pack_weights(const MatrixView& from, const WeightMatrix& into, std::int64_t i, const RowKernels& kernels, float* room, std::byte* out) {
  if (into.storage == Storage::f32) return pack_panel(from, WeightMatrix::width, i, reinterpret_cast<float*>(out));
  pack_panel(from, WeightMatrix::width, i, room);
  if (into.storage == Storage::int8) return pack_int8(room, into.inputs, out);
  narrow(into.storage, room, WeightMatrix::width * into.inputs, kernels, out);
}

void pack_stored(const StoredView& from, const WeightMatrix& into, std::int64_t i, const RowKernels& kernels, float* room, std::byte* out) {
  if (from.halves == nullptr)
    return pack_weights({from.values + from.first, from.outputs, from.inputs, from.output_stride, from.input_stride}, into, i, kernels, room, out);
  constexpr std::int64_t width = WeightMatrix::width;
  const std::int64_t first = i * width, count = std::min(width, from.outputs - first);
  if (into.storage == from.stored) return turn_rows(from, first, count, 0, from.inputs, reinterpret_cast<std::uint16_t*>(out));
  float* const wide = into.storage == Storage::f32 ? reinterpret_cast<float*>(out) : room;
  constexpr std::int64_t at_once = 32;
  std::uint16_t bits[at_once * width];
  for (std::int64_t k = 0; k < from.inputs; k += at_once) {
    const std::int64_t inputs = std::min(at_once, from.inputs - k);
    turn_rows(from, first, count, k, inputs, bits);
    for (std::int64_t n = 0; n < inputs * width; ++n)
      wide[k * width + n] = from.stored == Storage::bf16 ? checkpoint::f32_of_bf16(bits[n]) : checkpoint::f32_of_f16(bits[n]);
  }
  if (into.storage == Storage::int8) pack_int8(room, into.inputs, out);
  else if (into.storage != Storage::f32) narrow(into.storage, room, width * into.inputs, kernels, out);
}

namespace {

// Lanes [begin, end) of one panel, from whose first row on `rows` has them.
template <class Value, class Widen>
void unpack_lanes(const std::byte* values, std::int64_t inputs, std::int64_t begin, std::int64_t end, const Widen& widen, float* rows) {
  constexpr std::int64_t at_once = 16;  // inputs: a block stays in the first cache while it is turned
  for (std::int64_t first = 0; first < inputs; first += at_once)
    for (std::int64_t lane = begin; lane < end; ++lane)
      for (std::int64_t k = first; k < std::min(first + at_once, inputs); ++k) {
        Value value;
        std::memcpy(&value, values + (k * WeightMatrix::width + lane) * static_cast<std::int64_t>(sizeof value), sizeof value);
        rows[(lane - begin) * inputs + k] = widen(value, lane);
      }
}

void unpack_panel(const WeightMatrix& from, std::int64_t panel, std::int64_t begin, std::int64_t end, float* rows) {
  const std::byte* values = from.panel(panel);
  float scales[WeightMatrix::width];
  switch (from.storage) {
    case Storage::f32:
      return unpack_lanes<float>(values, from.inputs, begin, end, [](float value, std::int64_t) { return value; }, rows);
    case Storage::bf16:
      return unpack_lanes<std::uint16_t>(values, from.inputs, begin, end, [](std::uint16_t value, std::int64_t) { return checkpoint::f32_of_bf16(value); }, rows);
    case Storage::f16:
      return unpack_lanes<std::uint16_t>(values, from.inputs, begin, end, [](std::uint16_t value, std::int64_t) { return checkpoint::f32_of_f16(value); }, rows);
    case Storage::int8: break;
  }
  std::memcpy(scales, values, sizeof scales);
  unpack_lanes<std::int8_t>(values + WeightMatrix::scale_bytes, from.inputs, begin, end,
                            [&](std::int8_t value, std::int64_t lane) { return scales[lane] * static_cast<float>(value); }, rows);
}

}  // namespace

void unpack_rows(const WeightMatrix& from, std::int64_t first, std::int64_t count, float* rows) {
  constexpr std::int64_t width = WeightMatrix::width;
#pragma omp parallel for schedule(static)
  for (std::int64_t panel = first / width; panel < (first + count + width - 1) / width; ++panel) {
    const std::int64_t begin = std::max(first, panel * width), end = std::min(first + count, (panel + 1) * width);
    unpack_panel(from, panel, begin - panel * width, end - panel * width, rows + (begin - first) * from.inputs);
  }
}

}  // namespace luthier::serve
