#include "gpu/serve/panels.hpp"

#include <algorithm>

namespace luthier::serve {

std::int64_t packed_size(std::int64_t outputs, std::int64_t inputs, int width) {
  return (outputs + width - 1) / width * width * inputs;
}

void pack_panel(std::span<const float> row_major, std::int64_t outputs, std::int64_t inputs, int width, std::int64_t i,
                float* out) {
  const std::int64_t first = i * width;
  const std::int64_t count = std::min<std::int64_t>(width, outputs - first);
  const float* from = row_major.data() + first * inputs;
  for (std::int64_t k = 0; k < inputs; ++k) {
    float* to = out + k * width;
    for (std::int64_t j = 0; j < count; ++j) to[j] = from[j * inputs + k];
    std::fill(to + count, to + width, 0.0F);
  }
}

std::int64_t row_stride(std::int64_t width) { return (width + 31) / 32 * 32 + 16; }

}  // namespace luthier::serve
