// A mixture of experts. Each row chooses for itself; then rows are gathered by expert, so that an expert's panels are read
// once for all rows of the pass, and each row adds up what its experts say in ascending order of their numbers.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "gpu/serve/network_parts.hpp"

namespace luthier::serve {
namespace {

using std::ssize;

void softmax_of(std::span<float> values) {
  const float most = *std::ranges::max_element(values);
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - most);
  for (float& value : values) value /= sum;
}

}  // namespace

void Network::Parts::mixture(Worker& worker, std::int64_t layer, const Rows& in) {
  const auto& own = weights(layer);
  const std::int64_t experts = shape(layer).num_experts, per_token = model.decoder.experts.per_token;
  const std::int64_t hidden = model.decoder.hidden_size;
  worker.each(own.router.weight.panels(), [&](std::int64_t panel) {
    linear(worker, own.router, panel, 1, in, routing.logits, false, layer, LoraGroup::router, 0);
  });
  worker.each(rows, [&](std::int64_t row) { choose(row, experts); });
  worker.each(1, [&](std::int64_t) { gather(experts); });
  worker.each(rows * per_token, [&](std::int64_t i) {
    std::memcpy(routing.in.row(i), in.row(routing.row_of[static_cast<std::size_t>(i)]), static_cast<std::size_t>(hidden) * sizeof(float));
  });
  compute_experts(worker, layer);
  worker.each(rows, [&](std::int64_t row) {
    float* sum = branch.row(row);
    std::fill_n(sum, hidden, 0.0F);
    for (std::int64_t i = row * per_token; i < (row + 1) * per_token; ++i) {
      const float share = routing.shares[static_cast<std::size_t>(i)];
      const float* out = routing.out.row(routing.slot[static_cast<std::size_t>(i)]);
      for (std::int64_t j = 0; j < hidden; ++j) sum[j] += share * out[j];
    }
    if (is_around()) return;
    for (std::int64_t j = 0; j < hidden; ++j) x.row(row)[j] += sum[j];
  });
}

void Network::Parts::choose(std::int64_t row, std::int64_t experts) {
  const auto& by = model.decoder.experts;
  const std::span values(routing.logits.row(row), static_cast<std::size_t>(experts));
  if (!by.softmax_after_choice) softmax_of(values);
  std::vector<std::int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto count = static_cast<std::size_t>(by.per_token);
  const auto rank = [&](std::int32_t expert) {  // a NaN comes last, rather than breaking the order
    const float value = values[static_cast<std::size_t>(expert)];
    return std::isnan(value) ? -std::numeric_limits<float>::infinity() : value;
  };
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count), [&](std::int32_t a, std::int32_t b) {
    const float left = rank(a), right = rank(b);
    return left != right ? left > right : a < b;
  });
  order.resize(count);
  std::ranges::sort(order);
  const auto first = static_cast<std::size_t>(row) * count;
  const std::span shares(routing.shares.data() + first, count);
  for (std::size_t i = 0; i < count; ++i) {
    routing.chosen[first + i] = order[i];
    shares[i] = values[static_cast<std::size_t>(order[i])];
  }
  if (by.softmax_after_choice) return softmax_of(shares);
  if (!by.sums_to_one) return;
  const float sum = std::accumulate(shares.begin(), shares.end(), 0.0F);
  for (float& share : shares) share /= sum;
}

void Network::Parts::gather(std::int64_t experts) {
  const std::int64_t per_token = model.decoder.experts.per_token;
  std::vector<std::int64_t> next(static_cast<std::size_t>(experts) + 1);
  for (std::int64_t i = 0; i < rows * per_token; ++i) ++next[static_cast<std::size_t>(routing.chosen[static_cast<std::size_t>(i)]) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  routing.experts.clear(), routing.segments.clear();
  for (std::int64_t e = 0; e < experts; ++e) {
    const auto at = static_cast<std::size_t>(e);
    if (next[at] < next[at + 1]) routing.experts.push_back({e, next[at], next[at + 1], nullptr});
  }
  for (std::int64_t i = 0; i < rows * per_token; ++i) {  // rows stay in their order within an expert
    const auto slot = next[static_cast<std::size_t>(routing.chosen[static_cast<std::size_t>(i)])]++;
    routing.slot[static_cast<std::size_t>(i)] = slot;
    routing.row_of[static_cast<std::size_t>(slot)] = i / per_token;
  }
  for (const auto& task : routing.experts)
    for (std::int64_t i = task.begin; i < task.end; ++i) {
      const auto row = static_cast<std::size_t>(routing.row_of[static_cast<std::size_t>(i)]);
      const LoadedAdapter* adapter = items[static_cast<std::size_t>(row_item[row])].adapter;
      if (adapter == nullptr || adapter->layers.empty()) continue;
      auto& list = routing.segments;
      if (!list.empty() && list.back().expert == task.expert && list.back().adapter == adapter && list.back().end == i) ++list.back().end;
      else list.push_back({task.expert, i, i + 1, adapter});
    }
}

void Network::Parts::compute_experts(Worker& worker, std::int64_t layer) {
  const auto& own = weights(layer);
  const auto& first = own.experts.front();
  const auto low_of = [&](bool is_in, const Rows& in) {
    const auto& parts = routing.segments;
    if (std::ranges::all_of(parts, [&](const ExpertTask& part) { return part.adapter->expert_inputs(layer, part.expert, is_in).empty(); })) return;
    worker.each(ssize(parts), [&](std::int64_t i) {
      const auto& part = parts[static_cast<std::size_t>(i)];
      low_rows(part.adapter->expert_inputs(layer, part.expert, is_in), in, part.begin, part.end, routing.low);
    });
  };
  const auto linear_of = [&](const Linear& linear, const ExpertTask& task, std::int64_t panel, const Rows& in, Rows& out, bool is_in, int slot) {
    product(linear.weight, panel, 1, in, task.begin, task.end, false, out);
    add_bias(linear, panel, task.begin, task.end, out);
    for (const auto& segment : routing.segments)
      if (segment.expert == task.expert)
        add_lora(segment.adapter->expert_inputs(layer, segment.expert, is_in), slot, panel, routing.low, segment.begin, segment.end, out);
  };
  low_of(true, routing.in);
  const std::int64_t panels = first.gate.weight.panels(), width = first.gate.weight.width;
  worker.each(ssize(routing.experts) * panels, [&](std::int64_t i) {
    const auto& task = routing.experts[static_cast<std::size_t>(i / panels)];
    const auto& expert = own.experts[static_cast<std::size_t>(task.expert)];
    const std::int64_t panel = i % panels;
    linear_of(expert.gate, task, panel, routing.in, routing.gate, true, 0);
    if (model.decoder.gated) linear_of(expert.up, task, panel, routing.in, routing.up, true, 1);
    for (std::int64_t row = task.begin; row < task.end; ++row)
      activate(routing.gate.row(row) + panel * width, routing.up.row(row) + panel * width, width);
  });
  low_of(false, routing.gate);
  const std::int64_t down_panels = first.down.weight.panels();
  worker.each(ssize(routing.experts) * down_panels, [&](std::int64_t i) {
    const auto& task = routing.experts[static_cast<std::size_t>(i / down_panels)];
    linear_of(own.experts[static_cast<std::size_t>(task.expert)].down, task, i % down_panels, routing.gate, routing.out, false, 0);
  });
}

}  // namespace luthier::serve
