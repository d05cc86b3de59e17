// What an adapter adds to the products of the base: A x of few rows at a time, B (A x) to every panel, DoRA's gains, and when which of
// their lines of memory are fetched.
#include <algorithm>
#include <cstring>

#include "gpu/serve/network_parts.hpp"

namespace luthier::serve {

using std::ssize;

void Network::Parts::low_rows(const LoraInputs& inputs, const Rows& in, std::int64_t begin, std::int64_t end, Rows& out) const {
  if (!inputs.empty()) kernels->dots(in.row(begin), in.stride, end - begin, inputs.a, out.row(begin), out.stride);
}

// low = A x for every chunk's own A. Skipped by all threads alike when no request of the pass needs it.
void Network::Parts::lora_low(Worker& worker, std::int64_t layer, LoraGroup group, const Rows& in) {
  const auto& parts = group == LoraGroup::head ? logit_chunks : chunks;
  Rows& out = group == LoraGroup::head ? head_low : low;
  if (std::ranges::none_of(parts, [&](const Chunk& chunk) { return chunk.adapter != nullptr && !chunk.adapter->inputs(layer, group).empty(); }))
    return;
  worker.each(ssize(parts), [&](std::int64_t i) {
    const auto& chunk = parts[static_cast<std::size_t>(i)];
    if (chunk.adapter != nullptr) low_rows(chunk.adapter->inputs(layer, group), in, chunk.begin, chunk.end, out);
  });
}

// During the next product of this thread.
void Network::Parts::fetch(Worker& worker, const float* begin, std::int64_t floats) {
  constexpr std::int64_t line_floats = 16;
  const std::int64_t count = (floats + line_floats - 1) / line_floats;
  if (count <= 0) return;
  auto& own = scratch[static_cast<std::size_t>(worker.index())];
  own.lines.push_back({reinterpret_cast<const char*>(begin), count});
  own.lines_count += count;
}

// A panel of B is small and comes from memory: it is on its way while the base's panel is multiplied.
void Network::Parts::fetch_b(Worker& worker, const LoraInputs& inputs, int slot, std::int64_t panel) {
  for (const auto& part : inputs.parts)
    if (part.slot == slot)
      fetch(worker, part.b.panel(panel), part.rank * part.b.width);
}

void Network::Parts::add_lora(const LoraInputs& inputs, int slot, std::int64_t panel, const Rows& products, std::int64_t begin,
                              std::int64_t end, Rows& out) const {
  for (const auto& part : inputs.parts)
    if (part.slot == slot)
      kernels->multiply(products.row(begin) + part.column, products.stride, end - begin, part.b.panel(panel), part.b.width, part.rank,
                        part.b.width, part.scale, true, out.row(begin) + panel * part.b.width, out.stride);
}

// Calls visit(segment, gains of the panel) for rows whose adapter is DoRA and has this layer.
template <class Visit>
void Network::Parts::each_gain(std::int64_t layer, LoraGroup group, int slot, std::int64_t panel, Visit visit) const {
  for (const auto& segment : group == LoraGroup::head ? logit_segments : segments) {
    if (segment.adapter == nullptr || !segment.adapter->decomposed) continue;
    for (const auto& part : segment.adapter->inputs(layer, group).parts)
      if (part.slot == slot) visit(segment, part.gain + panel * WeightMatrix::width);
  }
}

// The product is to be scaled before it is added to what is there: that waits in `normed`, which nobody reads any more when a part
// of a layer adds what it has computed.
void Network::Parts::set_aside(std::int64_t layer, LoraGroup group, int slot, std::int64_t panel, Rows& out) {
  constexpr std::int64_t width = WeightMatrix::width;
  each_gain(layer, group, slot, panel, [&](const Segment& segment, const float*) {
    for (std::int64_t row = segment.begin; row < segment.end; ++row) {
      float* const own = out.row(row) + panel * width;
      std::memcpy(normed.row(row) + panel * width, own, width * sizeof(float));
      std::fill_n(own, width, 0.0F);
    }
  });
}

void Network::Parts::scale(std::int64_t layer, LoraGroup group, int slot, std::int64_t panel, bool accumulate, Rows& out) const {
  constexpr std::int64_t width = WeightMatrix::width;
  each_gain(layer, group, slot, panel, [&](const Segment& segment, const float* gain) {
    for (std::int64_t row = segment.begin; row < segment.end; ++row) {
      float* const own = out.row(row) + panel * width;
      const float* const before = normed.row(row) + panel * width;
      for (std::int64_t j = 0; j < width; ++j) own[j] = accumulate ? before[j] + gain[j] * own[j] : gain[j] * own[j];
    }
  });
}

// An adapter's A is read by few rows, all of it at once: it is fetched during the products before, `count` of `steps` shares at a time.
void Network::Parts::fetch_low(Worker& worker, std::int64_t layer, LoraGroup group, std::int64_t step, std::int64_t count, std::int64_t steps) {
  if (!has_adapters || layer >= ssize(layers)) return;
  const std::int64_t begin = step * ssize(chunks), end = begin + count * ssize(chunks);  // in shares of a chunk
  for (std::int64_t i = begin / steps; i * steps < end; ++i) {
    const auto& chunk = chunks[static_cast<std::size_t>(i)];
    const bool is_first = i == 0 || chunks[static_cast<std::size_t>(i - 1)].adapter != chunk.adapter;
    if (chunk.adapter == nullptr || !is_first) continue;
    const auto& a = chunk.adapter->inputs(layer, group).a;
    const std::int64_t from = std::max<std::int64_t>(begin - i * steps, 0) * a.size() / steps;
    const std::int64_t to = std::min(end - i * steps, steps) * a.size() / steps;
    fetch(worker, a.data + from, to - from);
  }
}

}  // namespace luthier::serve
