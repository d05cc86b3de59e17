// A weight matrix [outputs, inputs] in the order in which a row kernel reads it: panels of 32 (or 16) outputs, within a
// panel input by input. A panel is one contiguous stream, used by the rows of all requests before the next one is read.
#pragma once

#include <cstdint>
#include <span>

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

// How many floats a packed matrix takes: outputs are rounded up to whole panels.
std::int64_t packed_size(std::int64_t outputs, std::int64_t inputs, int width);

// Writes panel i of a row-major matrix; outputs past the end are zero.
void pack_panel(std::span<const float> row_major, std::int64_t outputs, std::int64_t inputs, int width, std::int64_t i,
                float* out);

// Rows of activations lie this many floats apart: whole panels, and an odd number of cache lines, because at an even
// number the same column of twelve rows falls into few sets of the first cache.
std::int64_t row_stride(std::int64_t width);

}  // namespace luthier::serve
