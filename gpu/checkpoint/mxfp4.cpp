#include "gpu/checkpoint/mxfp4.hpp"

#include <cassert>

namespace luthier::checkpoint {
namespace {

constexpr std::size_t block_values = 32, block_bytes = 16;

void widen_block(const std::byte* bytes, float scale, float* out, std::size_t stride) {
  for (std::size_t i = 0; i < block_bytes; ++i) {
    const auto pair = std::to_integer<unsigned>(bytes[i]);
    out[2 * i * stride] = fp4_values[pair & 15] * scale;
    out[(2 * i + 1) * stride] = fp4_values[pair >> 4] * scale;
  }
}

}  // namespace

Result<Mxfp4Shapes> mxfp4_shapes(const std::vector<std::int64_t>& parameter) {
  const auto experts = parameter[0], in = parameter[1], out = parameter[2];
  const auto values = static_cast<std::int64_t>(block_values);
  if (in % values != 0) return invalid("its width " + std::to_string(in) + " is not a multiple of 32, which MXFP4 needs");
  return Mxfp4Shapes{{experts, out, in / values, static_cast<std::int64_t>(block_bytes)}, {experts, out, in / values}};
}

void widen_mxfp4(std::span<const std::byte> blocks, std::span<const std::byte> scales, const std::vector<std::int64_t>& parameter,
                 std::span<float> out) {
  const auto experts = static_cast<std::size_t>(parameter[0]), in = static_cast<std::size_t>(parameter[1]);
  const auto rows = static_cast<std::size_t>(parameter[2]);
  const auto groups = in / block_values;
  assert(scales.size() == experts * rows * groups && blocks.size() == scales.size() * block_bytes && out.size() == experts * in * rows);
  // Rows that follow each other lie side by side in `out`, so that a group of them is written a line at a time.
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t row = 0; row < rows; ++row) {
        const auto block = (e * rows + row) * groups + g;
        widen_block(blocks.data() + block * block_bytes, mxfp4_scale(std::to_integer<unsigned>(scales[block])),
                    out.data() + (e * in + g * block_values) * rows + row, rows);
      }
}

}  // namespace luthier::checkpoint
