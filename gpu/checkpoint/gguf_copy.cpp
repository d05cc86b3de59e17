#include "gpu/checkpoint/gguf_copy.hpp"

#include <algorithm>

#include "gpu/checkpoint/small_quants.hpp"

namespace luthier::checkpoint {
namespace {

// ggml has the scale before each block, and in byte i values i and 16 + i; we have scales of their own and in byte i values 2i and 2i + 1.
void copy_mxfp4(std::span<const std::byte> row, std::byte* codes, std::byte* scales) {
  for (std::size_t at = 0; at < row.size(); at += mxfp4_bytes, codes += 16) {
    const auto bytes = bytes_at<16>(row.data() + at + 1);
    *scales++ = row[at];
    for (std::size_t i = 0; i < 8; ++i) {
      const unsigned first = bytes[2 * i], second = bytes[2 * i + 1];
      codes[i] = static_cast<std::byte>((first & 15) | (second & 15) << 4);
      codes[8 + i] = static_cast<std::byte>(first >> 4 | (second & 0xF0));
    }
  }
}

}  // namespace

void copy_rows(const GgufTensor& tensor, const std::function<std::size_t(std::size_t)>& row_to, const StoredMatrix& into) {
  std::size_t rows = 1;
  for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) rows *= static_cast<std::size_t>(tensor.shape[i]);
  const auto width = static_cast<std::size_t>(tensor.shape.back()), bytes = tensor.bytes.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto from = tensor.bytes.subspan(row * bytes, bytes);
    const std::size_t to = row_to(row);
    if (into.kind == StoredKind::mxfp4)
      copy_mxfp4(from, into.codes + to * width / 2, into.scales + to * width / small_block_values);
    else
      std::ranges::copy(from, into.codes + to * bytes);
  }
}

}  // namespace luthier::checkpoint
