// A weight matrix [outputs, inputs] in the order in which a row kernel reads it: panels of 32 (or 16) outputs, within a
// panel input by input. A panel is one contiguous stream, used by the rows of all requests before the next one is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "events/base/result.hpp"
#include "gpu/checkpoint/half.hpp"

namespace luthier::serve {

struct PanelMatrix {
  const float* data = nullptr;
  std::int64_t outputs = 0, inputs = 0;
  int width = 32;

  std::int64_t panels() const { return (outputs + width - 1) / width; }
  const float* panel(std::int64_t i) const { return data + i * width * inputs; }
  float at(std::int64_t output, std::int64_t input) const {
    return panel(output / width)[input * width + output % width];
  }
};

// A matrix [outputs, inputs] for the dot products of rows with few outputs: 8 outputs side by side, of those that are left 4, 2 and 1,
// and of each in turn 16 inputs; the last 16 are filled up with zeros.
struct DotMatrix {
  const float* data = nullptr;
  std::int64_t outputs = 0, inputs = 0;

  std::int64_t depth() const { return (inputs + 15) / 16 * 16; }
  std::int64_t size() const { return outputs * depth(); }
  int group_at(std::int64_t first) const {
    const std::int64_t left = outputs - first;
    return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
  }
  const float* group(std::int64_t first) const { return data + first * depth(); }
};
// Writes rows[output][input] to where `into` has them.
void pack_dots(std::span<const float* const> rows, const DotMatrix& into, float* out);

// How weights lie in memory. int8: whole numbers of -127 to 127 and one f32 scale for each output, the largest weight of the
// row divided by 127: every weight is off by at most half a scale.
enum class Storage { f32, bf16, f16, int8 };

// What a model's weights are kept as. `as_stored`: in 16 bits where the checkpoint has 16 bits, else f32; nothing is rounded.
enum class WeightsKept { as_stored, f32, bf16, f16, int8 };
Result<WeightsKept> weights_kept(std::string_view name);  // "as-stored", "f32", "bf16", "f16", "int8"

// A weight matrix [outputs, inputs] of the model in panels of 32 outputs, as PanelMatrix. An int8 panel begins with its scales.
struct WeightMatrix {
  const std::byte* data = nullptr;
  std::int64_t outputs = 0, inputs = 0;
  Storage storage = Storage::f32;

  static constexpr int width = 32;
  static constexpr std::int64_t scale_bytes = width * static_cast<std::int64_t>(sizeof(float));
  std::int64_t panels() const { return (outputs + width - 1) / width; }
  std::int64_t panel_bytes() const;
  std::int64_t bytes() const { return panels() * panel_bytes(); }
  const std::byte* panel(std::int64_t i) const { return data + i * panel_bytes(); }
  float at(std::int64_t output, std::int64_t input) const;
};

// Rows in f32 or 16 bits, one after the other, to be looked up.
struct Table {
  const std::byte* data = nullptr;
  std::int64_t rows = 0, width = 0;
  Storage storage = Storage::f32;

  std::int64_t bytes() const { return rows * width * (storage == Storage::f32 ? 4 : 2); }
  float at(std::int64_t row, std::int64_t i) const;
};

using checkpoint::f16_of_f32;

// How many floats a packed matrix takes: outputs are rounded up to whole panels.
std::int64_t packed_size(std::int64_t outputs, std::int64_t inputs, int width);

// A matrix as it lies in a checkpoint: element (output, input) at data[output * output_stride + input * input_stride].
struct MatrixView {
  const float* data = nullptr;
  std::int64_t outputs = 0, inputs = 0;
  std::int64_t output_stride = 0, input_stride = 1;

  static MatrixView rows(const float* data, std::int64_t outputs, std::int64_t inputs) { return {data, outputs, inputs, inputs, 1}; }
};

// Writes panel i; outputs past the end are zero.
void pack_panel(const MatrixView& from, int width, std::int64_t i, float* out);

// Rows of activations lie this many floats apart: whole panels, and an odd number of cache lines, because at an even
// number the same column of twelve rows falls into few sets of the first cache.
std::int64_t row_stride(std::int64_t width);

}  // namespace luthier::serve
