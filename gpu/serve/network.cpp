#include "gpu/serve/network.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "gpu/serve/network_parts.hpp"

namespace luthier::serve {

using checkpoint::NormPlace;
using std::ssize;

Network::Network() : parts_(std::make_unique<Parts>()) {}
Network::~Network() = default;
const checkpoint::Decoder& Network::decoder() const { return parts_->model.decoder; }
const WeightMatrix& Network::weight(std::int64_t layer, LoraGroup group, int slot) const {
  if (group == LoraGroup::head) return parts_->head.weight;
  const auto& own = parts_->weights(layer);
  switch (group) {
    case LoraGroup::attention_in: return own.qkv[static_cast<std::size_t>(slot)].weight;
    case LoraGroup::attention_out: return own.o.weight;
    case LoraGroup::mlp_in: return slot == 0 ? own.mlp.gate.weight : own.mlp.up.weight;
    case LoraGroup::mlp_out: return own.mlp.down.weight;
    case LoraGroup::router: return own.router.weight;
    case LoraGroup::head: break;
  }
  return parts_->head.weight;
}

std::int64_t Network::context_max() const { return parts_->context_max; }

KvShape Network::kv_shape() const {
  const auto& decoder = parts_->model.decoder;
  KvShape shape{.head_dim = decoder.head_dim};
  for (const auto& layer : decoder.layers) shape.kv_heads.push_back(layer.num_heads > 0 ? layer.num_kv_heads : 0);
  return shape;
}

bool Network::takes_whole_texts() const { return parts_->model.decoder.attend == checkpoint::Attend::all; }

std::int64_t Network::rope_length(std::int64_t prompt, std::int64_t now) const {
  return parts_->rope.rope.kind == checkpoint::Rope::Kind::longrope ? now : prompt;
}

bool Network::keeps_its_past(std::int64_t length, std::int64_t longer) const {
  const auto& by = parts_->rope.rope;
  const std::int64_t trained = by.original_max_position_embeddings;
  return by.kind != checkpoint::Rope::Kind::longrope || (length > trained) == (longer > trained);
}

void Network::forward(std::span<const BatchItem> items, const KvCache& cache) {
  parts_->plan(items);
  parts_->team->run([&](Worker& worker) { parts_->run(worker, cache); });
}

std::span<float> Network::logits(std::size_t item) {
  const auto row = parts_->logit_of_item.at(item);
  assert(row >= 0);
  return {parts_->logits.row(row), static_cast<std::size_t>(parts_->model.decoder.vocab_size)};
}

void Network::finish_hidden() {
  parts_->team->run([&](Worker& worker) { parts_->norm(worker, parts_->final_norm, parts_->normed); });
}

std::span<const float> Network::hidden(std::int64_t row) const {
  return {parts_->normed.row(row), static_cast<std::size_t>(parts_->model.decoder.hidden_size)};
}

void Network::Parts::plan(std::span<const BatchItem> batch) {
  items.assign(batch.begin(), batch.end());
  item_row.clear(), row_item.clear(), row_token_position.clear(), logit_rows.clear(), logit_of_item.clear();
  segments.clear(), logit_segments.clear();
  const auto extend = [](std::vector<Segment>& list, std::int64_t begin, std::int64_t end, const LoadedAdapter* adapter) {
    if (!list.empty() && list.back().adapter == adapter)
      list.back().end = end;
    else
      list.push_back({begin, end, adapter});
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    assert(model.decoder.attend == checkpoint::Attend::before || (item.position == 0 && ssize(item.tokens) == item.sequence_length));
    assert(item.position + ssize(item.tokens) <= context_max + 1);  // the engine's longest sequence, and its last token
    item_row.push_back(ssize(row_item));
    for (std::int64_t t = 0; t < ssize(item.tokens); ++t) {
      row_item.push_back(static_cast<std::int64_t>(i));
      row_token_position.push_back(item.position + t);
    }
    extend(segments, item_row.back(), ssize(row_item), item.adapter);
    logit_of_item.push_back(item.wants_logits ? ssize(logit_rows) : -1);
    if (item.wants_logits) {
      logit_rows.push_back(ssize(row_item) - 1);
      extend(logit_segments, ssize(logit_rows) - 1, ssize(logit_rows), item.adapter);
    }
  }
  rows = ssize(row_item);
  decomposed = std::ranges::any_of(items, [](const BatchItem& item) { return item.adapter != nullptr && item.adapter->decomposed; });
  // Whole texts are as long as they are; what only sees backwards comes in the chunks that were agreed on.
  if (rows > rows_max && model.decoder.attend == checkpoint::Attend::all) make_rows(rows);
  assert(rows <= rows_max && ssize(logit_rows) <= logits_max && (logit_rows.empty() || model.decoder.has_head));
  for (auto& kind : heads_kinds) plan_heads(kind);
  plan_rope(rope);
  plan_rope(local_rope);
}

void Network::Parts::plan_heads(HeadsKind& kind) {
  kind.tasks.clear();
  if (kind.heads == 0) return;
  const std::int64_t group = kind.heads / kind.kv_heads;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int64_t queries = ssize(items[i].tokens) * group;
    for (std::int64_t head = 0; head < kind.kv_heads; ++head)
      for (std::int64_t first = 0; first < queries; first += tile_queries)
        kind.tasks.push_back({i, head, first, std::min(tile_queries, queries - first)});
  }
}

void Network::Parts::plan_rope(RopeTable& table) {
  if (table.cosine.empty()) return;  // no layer uses it
  const auto& decoder = model.decoder;
  const std::vector<std::int32_t> positions_now(row_token_position.begin(), row_token_position.end());
  if (!table.depends_on_length) {
    kernels::rope_table(table.frequencies, positions_now, table.cosine.data(), table.sine.data());
    return;
  }
  const std::int64_t half = rotary_dim / 2;
  std::int64_t length = 0;
  kernels::RopeFrequencies own;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const auto wanted = std::max(items[static_cast<std::size_t>(row_item[at])].sequence_length, row_token_position[at] + 1);
    if (wanted != length) own = kernels::rope_frequencies(table.rope, rotary_dim, decoder.max_position_embeddings, wanted);
    length = wanted;
    kernels::rope_table(own, std::span(positions_now).subspan(at, 1), table.cosine.data() + row * half, table.sine.data() + row * half);
  }
}

void Network::Parts::run(Worker& worker, const KvCache& cache) {
  embed(worker);
  for (std::int64_t i = 0; i < ssize(layers); ++i) {
    const auto& layer = weights(i);
    const bool is_after = model.decoder.norm_place == NormPlace::after;
    if (shape(i).num_heads > 0) {
      attention(worker, i, cache, inputs_of_part(worker, layer.attention_norm));
      end_part(worker, is_after ? layer.attention_norm : layer.attention_output_norm);
    }
    if (shape(i).intermediate_size > 0) {
      const Rows& in = inputs_of_part(worker, layer.mlp_norm);
      if (layer.experts.empty()) feed_forward(worker, i, in);
      else mixture(worker, i, in);
      end_part(worker, is_after ? layer.mlp_norm : layer.mlp_output_norm);
    }
  }
  if (!logit_rows.empty()) output_head(worker);
}

void Network::Parts::embed(Worker& worker) {
  worker.each(rows, [&](std::int64_t row) { embed_row(row); });
}

void Network::Parts::embed_row(std::int64_t row) {
  const auto& decoder = model.decoder;
  const std::int64_t hidden = decoder.hidden_size;
  const auto item = static_cast<std::size_t>(row_item[static_cast<std::size_t>(row)]);
  const std::int32_t token = items[item].tokens[static_cast<std::size_t>(row - item_row[item])];
  float* out = x.row(row);
  if (embeddings != nullptr)
    std::memcpy(out, embeddings + token * hidden, static_cast<std::size_t>(hidden) * sizeof(float));
  else
    for (std::int64_t i = 0; i < hidden; ++i) out[i] = head.weight.at(token, i);
  if (const auto scale = static_cast<float>(decoder.embedding_scale); scale != 1.0F)
    for (std::int64_t i = 0; i < hidden; ++i) out[i] *= scale;
  if (token_type != nullptr)
    for (std::int64_t i = 0; i < hidden; ++i) out[i] += token_type[i];
  if (positions != nullptr) {
    const float* own = positions + (row_token_position[static_cast<std::size_t>(row)] + decoder.position_offset) * hidden;
    for (std::int64_t i = 0; i < hidden; ++i) out[i] += own[i];
  }
  if (!embedding_norm.empty()) apply(embedding_norm, hidden, out, out);
}

// `in` may be `out`; without a norm it is a copy.
void Network::Parts::apply(const Norm& norm, std::int64_t width, const float* in, float* out) const {
  const auto epsilon = static_cast<float>(model.decoder.rms_norm_eps);
  if (norm.empty()) std::memcpy(out, in, static_cast<std::size_t>(width) * sizeof(float));
  else if (norm.bias.empty()) kernels->rmsnorm(in, norm.weight.data(), width, epsilon, out);
  else kernels->layernorm(in, norm.weight.data(), norm.bias.data(), width, epsilon, out);
}

void Network::Parts::norm(Worker& worker, const Norm& norm, Rows& out) {
  worker.each(rows, [&](std::int64_t row) { apply(norm, model.decoder.hidden_size, x.row(row), out.row(row)); });
}

// What attention or the feed-forward part of a layer reads.
const Rows& Network::Parts::inputs_of_part(Worker& worker, const Norm& before) {
  if (model.decoder.norm_place == NormPlace::after) return x;
  norm(worker, before, normed);
  return normed;
}

// The part's result has been added to x already, but for NormPlace::around.
void Network::Parts::end_part(Worker& worker, const Norm& after) {
  switch (model.decoder.norm_place) {
    case NormPlace::before: return;
    case NormPlace::after: return norm(worker, after, x);
    case NormPlace::around: break;
  }
  const std::int64_t hidden = model.decoder.hidden_size;
  worker.each(rows, [&](std::int64_t row) {
    float* part = branch.row(row);
    apply(after, hidden, part, part);
    for (std::int64_t i = 0; i < hidden; ++i) x.row(row)[i] += part[i];
  });
}

void Network::Parts::product(const WeightMatrix& weight, std::int64_t panel, const Rows& in, std::int64_t begin, std::int64_t end,
                             bool accumulate, Rows& out) const {
  kernels->multiply_weights(in.row(begin), in.stride, end - begin, weight, panel, accumulate, out.row(begin) + panel * weight.width,
                            out.stride);
}

void Network::Parts::add_bias(const Linear& linear, std::int64_t panel, std::int64_t begin, std::int64_t end, Rows& out) const {
  if (linear.bias.empty()) return;
  const std::int64_t width = linear.weight.width;
  const float* bias = linear.bias.data() + panel * width;
  for (std::int64_t row = begin; row < end; ++row) {
    float* to = out.row(row) + panel * width;
    for (std::int64_t j = 0; j < width; ++j) to[j] += bias[j];
  }
}

void Network::Parts::low_panel(const LoraInputs& inputs, std::int64_t panel, const Rows& in, std::int64_t begin, std::int64_t end,
                               Rows& out) const {
  const auto& a = inputs.a;
  if (panel < a.panels())
    kernels->multiply(in.row(begin), in.stride, end - begin, a.panel(panel), a.width, a.inputs, a.width, 1.0F, false,
                      out.row(begin) + panel * a.width, out.stride);
}

// low = A x for every segment's own A. Skipped by all threads alike when no request of the pass needs it.
void Network::Parts::lora_low(Worker& worker, std::int64_t layer, LoraGroup group, const Rows& in) {
  const auto& parts = group == LoraGroup::head ? logit_segments : segments;
  Rows& out = group == LoraGroup::head ? head_low : low;
  std::int64_t panels_max = 0;
  for (const auto& segment : parts)
    if (segment.adapter != nullptr) panels_max = std::max(panels_max, segment.adapter->inputs(layer, group).a.panels());
  if (panels_max == 0) return;
  worker.each(ssize(parts) * panels_max, [&](std::int64_t task) {
    const auto& segment = parts[static_cast<std::size_t>(task / panels_max)];
    if (segment.adapter != nullptr)
      low_panel(segment.adapter->inputs(layer, group), task % panels_max, in, segment.begin, segment.end, out);
  });
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

// One panel of y = gain W x + bias + scale B (A x) for all rows. Always in this order, with or without other requests.
void Network::Parts::linear(const Linear& linear, std::int64_t panel, const Rows& in, Rows& out, bool accumulate,
                            std::int64_t layer, LoraGroup group, int slot) {
  const bool is_head = group == LoraGroup::head;
  const std::int64_t count = is_head ? ssize(logit_rows) : rows;
  if (decomposed && accumulate) set_aside(layer, group, slot, panel, out);
  product(linear.weight, panel, in, 0, count, accumulate, out);
  if (decomposed) scale(layer, group, slot, panel, accumulate, out);
  add_bias(linear, panel, 0, count, out);
  for (const auto& segment : is_head ? logit_segments : segments)
    if (segment.adapter != nullptr)
      add_lora(segment.adapter->inputs(layer, group), slot, panel, is_head ? head_low : low, segment.begin, segment.end, out);
}

void Network::Parts::activate(float* gate_values, const float* up_values, std::int64_t n) const {
  const auto& decoder = model.decoder;
  if (decoder.swiglu_limit > 0)
    kernels->clamped_swiglu(gate_values, up_values, n, static_cast<float>(decoder.swiglu_limit), static_cast<float>(decoder.swiglu_alpha));
  else
    kernels->activate(decoder.activation, gate_values, decoder.gated ? up_values : nullptr, n);
}

void Network::Parts::feed_forward(Worker& worker, std::int64_t layer, const Rows& in) {
  const auto& own = weights(layer).mlp;
  lora_low(worker, layer, LoraGroup::mlp_in, in);
  worker.each(own.gate.weight.panels(), [&](std::int64_t panel) {
    linear(own.gate, panel, in, gate, false, layer, LoraGroup::mlp_in, 0);
    if (model.decoder.gated) linear(own.up, panel, in, up, false, layer, LoraGroup::mlp_in, 1);
    const std::int64_t width = own.gate.weight.width;
    for (std::int64_t row = 0; row < rows; ++row) activate(gate.row(row) + panel * width, up.row(row) + panel * width, width);
  });
  lora_low(worker, layer, LoraGroup::mlp_out, gate);
  worker.each(own.down.weight.panels(), [&](std::int64_t panel) {
    linear(own.down, panel, gate, outputs_of_part(), !is_around(), layer, LoraGroup::mlp_out, 0);
  });
}

void Network::Parts::output_head(Worker& worker) {
  worker.each(ssize(logit_rows), [&](std::int64_t i) {
    apply(final_norm, model.decoder.hidden_size, x.row(logit_rows[static_cast<std::size_t>(i)]), head_in.row(i));
  });
  lora_low(worker, 0, LoraGroup::head, head_in);
  const auto cap = static_cast<float>(model.decoder.logit_softcap);
  worker.each(head.weight.panels(), [&](std::int64_t panel) {
    linear(head, panel, head_in, logits, false, 0, LoraGroup::head, 0);
    const std::int64_t width = head.weight.width;
    if (cap > 0)
      for (std::int64_t i = 0; i < ssize(logit_rows); ++i) kernels->softcap(logits.row(i) + panel * width, width, cap);
  });
}

}  // namespace luthier::serve
