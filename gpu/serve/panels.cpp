#include "gpu/serve/panels.hpp"

#include <algorithm>

namespace luthier::serve {

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

std::int64_t row_stride(std::int64_t width) { return (width + 31) / 32 * 32 + 16; }

}  // namespace luthier::serve
