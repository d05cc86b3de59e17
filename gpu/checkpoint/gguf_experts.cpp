#include "gpu/checkpoint/gguf_experts.hpp"

#include <algorithm>

#include "gpu/checkpoint/gguf_copy.hpp"

namespace luthier::checkpoint {
namespace {

// A gate's rows and an up projection's take turns; there is no up beside down.
struct Turns {
  std::size_t first, step;
};

// Of few rows at a time, so that values which follow each other in `out` are written together.
Result<void> widen_turned(const GgufTensor& tensor, Turns turns, const std::vector<std::int64_t>& shape, std::span<float> out) {
  constexpr std::size_t rows_at_once = 16;
  const auto experts = static_cast<std::size_t>(shape[0]), in = static_cast<std::size_t>(shape[1]), columns = static_cast<std::size_t>(shape[2]);
  const std::size_t rows = columns / turns.step, row_bytes = tensor.bytes.size() / (experts * rows);
  std::vector<float> room(rows_at_once * in);
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t first = 0; first < rows; first += rows_at_once) {
      const std::size_t count = std::min(rows_at_once, rows - first);
      const GgufTensor some{tensor.type, {static_cast<std::int64_t>(count), shape[1]},
                            tensor.bytes.subspan((e * rows + first) * row_bytes, count * row_bytes)};
      if (auto read = dequantise(some, std::span(room).first(count * in)); !read) return read;
      for (std::size_t i = 0; i < in; ++i)
        for (std::size_t r = 0; r < count; ++r) out[(e * in + i) * columns + (first + r) * turns.step + turns.first] = room[r * in + i];
    }
  return {};
}

Result<void> widen_biases(const GgufTensor& tensor, Turns turns, std::span<float> out) {
  std::vector<float> values(out.size() / turns.step);
  if (auto read = dequantise(tensor, values); !read) return read;
  for (std::size_t i = 0; i < values.size(); ++i) out[i * turns.step + turns.first] = values[i];
  return {};
}

Result<void> read_part(const GgufTensor& tensor, Turns turns, const Tensor& into) {
  if (is_copied(into.stored.kind)) return copy_rows(tensor, [&](std::size_t row) { return row * turns.step + turns.first; }, into.stored), Result<void>();
  if (into.shape.size() == 2) return widen_biases(tensor, turns, into.values);
  return widen_turned(tensor, turns, into.shape, into.values);
}

}  // namespace

std::vector<std::int64_t> gguf_stacked_shape(const GgufName& stored, const std::vector<std::int64_t>& shape) {
  const auto parts = stored.up.empty() ? 1 : 2;
  if (shape.size() == 2) return {shape[0], shape[1] / parts};
  return {shape[0], shape[2] / parts, shape[1]};
}

Result<void> read_stacked_experts(const GgufTensor& tensor, const GgufTensor* up, const Tensor& into) {
  if (!up) return read_part(tensor, {0, 1}, into);
  if (auto read = read_part(tensor, {0, 2}, into); !read) return read;
  return read_part(*up, {1, 2}, into);
}

}  // namespace luthier::checkpoint
