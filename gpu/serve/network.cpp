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
  segments.clear(), logit_segments.clear(), chunks.clear(), logit_chunks.clear();
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
  const auto cut = [](const std::vector<Segment>& list, std::vector<Chunk>& into) {
    for (const auto& segment : list)
      for (std::int64_t begin = segment.begin; begin < segment.end; begin += chunk_rows)
        into.push_back({begin, std::min(begin + chunk_rows, segment.end), segment.adapter});
  };
  cut(segments, chunks);
  cut(logit_segments, logit_chunks);
  has_adapters = std::ranges::any_of(segments, [](const Segment& segment) { return segment.adapter != nullptr; });
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
      attention(worker, i, cache, inputs_of_part(worker, i, layer.attention_norm, LoraGroup::attention_in));
      end_part(worker, is_after ? layer.attention_norm : layer.attention_output_norm);
    }
    if (shape(i).intermediate_size > 0) {
      const Rows& in = inputs_of_part(worker, i, layer.mlp_norm, layer.experts.empty() ? LoraGroup::mlp_in : LoraGroup::router);
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
  if (embeddings.data != nullptr)
    for (std::int64_t i = 0; i < hidden; ++i) out[i] = embeddings.at(token, i);
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

// What attention or the feed-forward part of a layer reads, and the A x of it.
const Rows& Network::Parts::inputs_of_part(Worker& worker, std::int64_t layer, const Norm& before, LoraGroup group) {
  const auto& own = weights(layer);
  fetch_ahead(worker, (group == LoraGroup::attention_in ? own.qkv[0] : group == LoraGroup::mlp_in ? own.mlp.gate : own.router).weight);
  const bool is_after = model.decoder.norm_place == NormPlace::after;
  const Rows& in = is_after ? x : normed;
  if (!has_adapters) {
    if (!is_after) norm(worker, before, normed);
    return in;
  }
  worker.each(ssize(chunks), [&](std::int64_t i) {
    const auto& chunk = chunks[static_cast<std::size_t>(i)];
    if (!is_after)
      for (std::int64_t row = chunk.begin; row < chunk.end; ++row) apply(before, model.decoder.hidden_size, x.row(row), normed.row(row));
    if (chunk.adapter != nullptr) low_rows(chunk.adapter->inputs(layer, group), in, chunk.begin, chunk.end, low);
  });
  return in;
}

// At few rows memory is all that counts, and it has nothing to do while threads wait for each other: each fetches where it will begin.
void Network::Parts::fetch_ahead(Worker& worker, const WeightMatrix& weight) const {
  constexpr std::int64_t rows_few = 4, bytes_ahead = 16384;
  if (rows > rows_few) return;
  const auto part = worker.own_part(weight.panels());
  const std::byte* const begin = weight.panel(part.first);
  const std::int64_t bytes = std::min(part.count * weight.panel_bytes(), bytes_ahead);
  for (std::int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(begin + at, 0, 2);
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

void Network::Parts::product(const WeightMatrix& weight, std::int64_t panel, std::int64_t panels, const Rows& in, std::int64_t begin,
                             std::int64_t end, bool accumulate, Rows& out, const Fetch& fetch) const {
  kernels->multiply_weights(in.row(begin), in.stride, end - begin, weight, panel, panels, accumulate,
                            out.row(begin) + panel * weight.width, out.stride, fetch);
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

// `panels` panels of y = gain W x + bias + scale B (A x) for all rows. Always in this order, with or without other requests.
void Network::Parts::linear(Worker& worker, const Linear& linear, std::int64_t first, std::int64_t panels, const Rows& in, Rows& out, bool accumulate,
                            std::int64_t layer, LoraGroup group, int slot) {
  const bool is_head = group == LoraGroup::head;
  const std::int64_t count = is_head ? ssize(logit_rows) : rows, end = first + panels;
  const auto& own_segments = is_head ? logit_segments : segments;
  if (decomposed && accumulate)
    for (std::int64_t panel = first; panel < end; ++panel) set_aside(layer, group, slot, panel, out);
  for (const auto& segment : own_segments)
    if (segment.adapter != nullptr)
      for (std::int64_t panel = first; panel < end; ++panel) fetch_b(worker, segment.adapter->inputs(layer, group), slot, panel);
  auto& own = scratch[static_cast<std::size_t>(worker.index())];
  product(linear.weight, first, panels, in, 0, count, accumulate, out, {own.lines.data(), own.lines_count});
  own.lines.clear();
  own.lines_count = 0;
  for (std::int64_t panel = first; panel < end; ++panel) {
    if (decomposed) scale(layer, group, slot, panel, accumulate, out);
    add_bias(linear, panel, 0, count, out);
    for (const auto& segment : own_segments)
      if (segment.adapter != nullptr)
        add_lora(segment.adapter->inputs(layer, group), slot, panel, is_head ? head_low : low, segment.begin, segment.end, out);
  }
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
  worker.each(own.gate.weight.panels(), panels_at_once(), [&](std::int64_t panel, std::int64_t count) {
    fetch_low(worker, layer, LoraGroup::mlp_out, panel, count, own.gate.weight.panels());
    linear(worker, own.gate, panel, count, in, gate, false, layer, LoraGroup::mlp_in, 0);
    if (model.decoder.gated) linear(worker, own.up, panel, count, in, up, false, layer, LoraGroup::mlp_in, 1);
    const std::int64_t width = own.gate.weight.width;
    for (std::int64_t row = 0; row < rows; ++row) activate(gate.row(row) + panel * width, up.row(row) + panel * width, count * width);
  });
  lora_low(worker, layer, LoraGroup::mlp_out, gate);
  worker.each(own.down.weight.panels(), panels_at_once(), [&](std::int64_t panel, std::int64_t count) {
    fetch_low(worker, layer + 1, LoraGroup::attention_in, panel, count, own.down.weight.panels());
    linear(worker, own.down, panel, count, gate, outputs_of_part(), !is_around(), layer, LoraGroup::mlp_out, 0);
  });
}

void Network::Parts::output_head(Worker& worker) {
  worker.each(ssize(logit_rows), [&](std::int64_t i) {
    apply(final_norm, model.decoder.hidden_size, x.row(logit_rows[static_cast<std::size_t>(i)]), head_in.row(i));
  });
  lora_low(worker, 0, LoraGroup::head, head_in);
  const auto cap = static_cast<float>(model.decoder.logit_softcap);
  worker.each(head.weight.panels(), panels_at_once(), [&](std::int64_t panel, std::int64_t count) {
    linear(worker, head, panel, count, head_in, logits, false, 0, LoraGroup::head, 0);
    const std::int64_t width = head.weight.width;
    if (cap > 0)
      for (std::int64_t i = 0; i < ssize(logit_rows); ++i) kernels->softcap(logits.row(i) + panel * width, count * width, cap);
  });
}

}  // namespace luthier::serve
