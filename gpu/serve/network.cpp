#include "gpu/serve/network.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "gpu/serve/network_parts.hpp"

namespace luthier::serve {
namespace {

void rotate(float* head, const float* cosine, const float* sine, std::int64_t half) {
  for (std::int64_t j = 0; j < half; ++j) {
    const float a = head[j], b = head[j + half];
    head[j] = a * cosine[j] - b * sine[j];
    head[j + half] = b * cosine[j] + a * sine[j];
  }
}

using std::ssize;

}  // namespace

Network::Network() : parts_(std::make_unique<Parts>()) {}
Network::~Network() = default;
const checkpoint::Decoder& Network::decoder() const { return parts_->model.decoder; }
std::int64_t Network::context_max() const { return parts_->context_max; }

KvShape Network::kv_shape() const {
  const auto& decoder = parts_->model.decoder;
  return {decoder.num_layers, decoder.num_kv_heads, decoder.head_dim};
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
  parts_->team->run([&](Worker& worker) { parts_->norm(worker, parts_->final_norm); });
}

std::span<const float> Network::hidden(std::int64_t row) const {
  return {parts_->normed.row(row), static_cast<std::size_t>(parts_->model.decoder.hidden_size)};
}

void Network::Parts::plan(std::span<const BatchItem> batch) {
  items.assign(batch.begin(), batch.end());
  item_row.clear(), row_item.clear(), row_token_position.clear(), logit_rows.clear(), logit_of_item.clear();
  segments.clear(), logit_segments.clear(), tasks.clear();
  const auto& decoder = model.decoder;
  const std::int64_t group = decoder.num_heads / decoder.num_kv_heads;
  const auto extend = [](std::vector<Segment>& list, std::int64_t begin, std::int64_t end, const LoadedAdapter* adapter) {
    if (!list.empty() && list.back().adapter == adapter)
      list.back().end = end;
    else
      list.push_back({begin, end, adapter});
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
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
    const std::int64_t queries = ssize(item.tokens) * group;
    for (std::int64_t head = 0; head < decoder.num_kv_heads; ++head)
      for (std::int64_t first = 0; first < queries; first += tile_queries)
        tasks.push_back({i, head, first, std::min(tile_queries, queries - first)});
  }
  rows = ssize(row_item);
  assert(rows <= rows_max && ssize(logit_rows) <= logits_max);
  plan_rope();
}

void Network::Parts::plan_rope() {
  const auto& decoder = model.decoder;
  const std::int64_t half = decoder.head_dim / 2;
  std::vector<std::int32_t> positions(row_token_position.begin(), row_token_position.end());
  if (!frequencies_depend_on_length) {
    kernels::rope_table(frequencies, positions, cosine.data(), sine.data());
    return;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto own = kernels::rope_frequencies(decoder.rope, decoder.head_dim, decoder.max_position_embeddings,
                                               items[i].sequence_length);
    kernels::rope_table(own, std::span(positions).subspan(static_cast<std::size_t>(item_row[i]), items[i].tokens.size()),
                        cosine.data() + item_row[i] * half, sine.data() + item_row[i] * half);
  }
}

void Network::Parts::run(Worker& worker, const KvCache& cache) {
  embed(worker);
  for (std::int64_t layer = 0; layer < ssize(layers); ++layer) {
    norm(worker, layers[static_cast<std::size_t>(layer)].attention_norm);
    attention_inputs(worker, layer);
    rotate_and_store(worker, layer, cache);
    attend(worker, layer, cache);
    attention_outputs(worker, layer);
    norm(worker, layers[static_cast<std::size_t>(layer)].mlp_norm);
    mlp(worker, layer);
  }
  if (!logit_rows.empty()) output_head(worker);
}

void Network::Parts::embed(Worker& worker) {
  const std::int64_t hidden = model.decoder.hidden_size;
  worker.each(rows, [&](std::int64_t row) {
    const auto item = static_cast<std::size_t>(row_item[static_cast<std::size_t>(row)]);
    const std::int32_t token = items[item].tokens[static_cast<std::size_t>(row - item_row[item])];
    if (embeddings != nullptr)
      std::memcpy(x.row(row), embeddings + token * hidden, static_cast<std::size_t>(hidden) * sizeof(float));
    else
      for (std::int64_t i = 0; i < hidden; ++i) x.row(row)[i] = head.at(token, i);
  });
}

void Network::Parts::norm(Worker& worker, const std::vector<float>& weight) {
  worker.each(rows, [&](std::int64_t row) {
    kernels->rmsnorm(x.row(row), weight.data(), model.decoder.hidden_size,
                     static_cast<float>(model.decoder.rms_norm_eps), normed.row(row));
  });
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
    if (segment.adapter == nullptr) return;
    const auto& a = segment.adapter->inputs(layer, group).a;
    const std::int64_t panel = task % panels_max;
    if (panel >= a.panels()) return;
    kernels->multiply(in.row(segment.begin), in.stride, segment.end - segment.begin, a.panel(panel), a.width, a.inputs,
                      a.width, 1.0F, false, out.row(segment.begin) + panel * a.width, out.stride);
  });
}

// One panel of y = W x + bias + scale B (A x) for all rows. Always in this order, with or without other requests.
void Network::Parts::linear(const Linear& linear, std::int64_t panel, const Rows& in, Rows& out, bool accumulate,
                            std::int64_t layer, LoraGroup group, int slot) {
  const bool is_head = group == LoraGroup::head;
  const std::int64_t count = is_head ? ssize(logit_rows) : rows;
  const auto& weight = linear.weight;
  const std::int64_t column = panel * weight.width;
  kernels->multiply(in.row(0), in.stride, count, weight.panel(panel), weight.width, weight.inputs, weight.width, 1.0F,
                    accumulate, out.row(0) + column, out.stride);
  if (!linear.bias.empty())
    for (std::int64_t row = 0; row < count; ++row)
      for (std::int64_t j = column; j < column + weight.width; ++j)
        out.row(row)[j] += linear.bias[static_cast<std::size_t>(j)];
  const Rows& products = is_head ? head_low : low;
  for (const auto& segment : is_head ? logit_segments : segments) {
    if (segment.adapter == nullptr) continue;
    for (const auto& part : segment.adapter->inputs(layer, group).parts)
      if (part.slot == slot)
        kernels->multiply(products.row(segment.begin) + part.column, products.stride, segment.end - segment.begin,
                          part.b.panel(panel), part.b.width, part.rank, part.b.width, part.scale, true,
                          out.row(segment.begin) + column, out.stride);
  }
}

void Network::Parts::attention_inputs(Worker& worker, std::int64_t layer) {
  lora_low(worker, layer, LoraGroup::attention_in, normed);
  const auto& qkv = layers[static_cast<std::size_t>(layer)].qkv;
  const std::array<Rows*, 3> outs{&q, &k, &v};
  const std::int64_t q_panels = qkv[0].weight.panels(), k_panels = qkv[1].weight.panels();
  worker.each(q_panels + k_panels + qkv[2].weight.panels(), [&](std::int64_t task) {
    const int slot = task < q_panels ? 0 : task < q_panels + k_panels ? 1 : 2;
    const std::int64_t panel = slot == 0 ? task : slot == 1 ? task - q_panels : task - q_panels - k_panels;
    const auto at = static_cast<std::size_t>(slot);
    linear(qkv[at], panel, normed, *outs[at], false, layer, LoraGroup::attention_in, slot);
  });
}

void Network::Parts::rotate_and_store(Worker& worker, std::int64_t layer, const KvCache& cache) {
  const auto& decoder = model.decoder;
  const std::int64_t dim = decoder.head_dim, half = dim / 2;
  const std::int64_t value_stride = (dim + 15) / 16 * 16;
  worker.each(rows, [&](std::int64_t row) {
    const float* row_cosine = cosine.data() + row * half;
    const float* row_sine = sine.data() + row * half;
    for (std::int64_t h = 0; h < decoder.num_heads; ++h) rotate(q.row(row) + h * dim, row_cosine, row_sine, half);
    const auto at = static_cast<std::size_t>(row);
    const std::int64_t position = row_token_position[at];
    const auto& item = items[static_cast<std::size_t>(row_item[at])];
    const BlockId block = item.blocks[static_cast<std::size_t>(position / block_tokens)];
    const std::int64_t slot = position % block_tokens;
    for (std::int64_t h = 0; h < decoder.num_kv_heads; ++h) {
      float* key = k.row(row) + h * dim;
      rotate(key, row_cosine, row_sine, half);
      float* keys = cache.keys(layer, block, h);
      for (std::int64_t j = 0; j < dim; ++j) keys[j * block_tokens + slot] = key[j];
      std::memcpy(cache.values(layer, block, h) + slot * value_stride, v.row(row) + h * dim,
                  static_cast<std::size_t>(dim) * sizeof(float));
    }
  });
}

void Network::Parts::attend(Worker& worker, std::int64_t layer, const KvCache& cache) {
  worker.each(ssize(tasks), [&](std::int64_t i) {
    attend_task(tasks[static_cast<std::size_t>(i)], scratch[static_cast<std::size_t>(worker.index())], layer, cache);
  });
}

void Network::Parts::attend_task(const AttentionTask& task, AttentionScratch& own, std::int64_t layer,
                                 const KvCache& cache) {
  const auto& decoder = model.decoder;
  const auto& item = items[task.item];
  const std::int64_t dim = decoder.head_dim, group = decoder.num_heads / decoder.num_kv_heads;
  const std::int64_t query_stride = row_stride(dim), value_stride = (dim + 15) / 16 * 16;
  const auto row_of = [&](std::int64_t i) { return (task.first + i) / group; };  // within the item
  const auto query_of = [&](Rows& in, std::int64_t i) {
    return in.row(item_row[task.item] + row_of(i)) + (task.kv_head * group + (task.first + i) % group) * dim;
  };
  for (std::int64_t i = 0; i < task.count; ++i)
    std::memcpy(own.queries.data() + i * query_stride, query_of(q, i), static_cast<std::size_t>(dim) * sizeof(float));

  const std::int64_t tokens = item.position + row_of(task.count - 1) + 1;  // that the last query may see
  const std::int64_t blocks = blocks_for(tokens), score_stride = blocks * block_tokens + 16;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  for (std::int64_t b = 0; b < blocks; ++b)
    kernels->multiply(own.queries.data(), query_stride, task.count,
                      cache.keys(layer, item.blocks[static_cast<std::size_t>(b)], task.kv_head), block_tokens, dim,
                      block_tokens, scale, false, own.scores.data() + b * block_tokens, score_stride);
  for (std::int64_t i = 0; i < task.count; ++i)
    own.totals[static_cast<std::size_t>(i)] = kernels->softmax(
        own.scores.data() + i * score_stride, item.position + row_of(i) + 1, blocks * block_tokens);
  for (std::int64_t b = 0; b < blocks; ++b) {
    // Only tokens that exist: what an earlier request left behind in the block must not even be multiplied by zero.
    const std::int64_t count = std::min(block_tokens, tokens - b * block_tokens);
    const float* values = cache.values(layer, item.blocks[static_cast<std::size_t>(b)], task.kv_head);
    for (std::int64_t j = 0; j < value_stride; j += 32)
      kernels->multiply(own.scores.data() + b * block_tokens, score_stride, task.count, values + j, value_stride, count,
                        value_stride - j >= 32 ? 32 : 16, 1.0F, b > 0, own.sums.data() + j, query_stride);
  }
  for (std::int64_t i = 0; i < task.count; ++i) {
    const float factor = 1.0F / own.totals[static_cast<std::size_t>(i)];
    float* out = query_of(attended, i);
    for (std::int64_t j = 0; j < dim; ++j) out[j] = own.sums[static_cast<std::size_t>(i * query_stride + j)] * factor;
  }
}

void Network::Parts::attention_outputs(Worker& worker, std::int64_t layer) {
  lora_low(worker, layer, LoraGroup::attention_out, attended);
  const auto& o = layers[static_cast<std::size_t>(layer)].o;
  worker.each(o.weight.panels(),
              [&](std::int64_t panel) { linear(o, panel, attended, x, true, layer, LoraGroup::attention_out, 0); });
}

void Network::Parts::mlp(Worker& worker, std::int64_t layer) {
  const auto& own = layers[static_cast<std::size_t>(layer)];
  lora_low(worker, layer, LoraGroup::mlp_in, normed);
  worker.each(own.gate_up[0].weight.panels(), [&](std::int64_t panel) {
    linear(own.gate_up[0], panel, normed, gate, false, layer, LoraGroup::mlp_in, 0);
    linear(own.gate_up[1], panel, normed, up, false, layer, LoraGroup::mlp_in, 1);
    const std::int64_t width = own.gate_up[0].weight.width;
    for (std::int64_t row = 0; row < rows; ++row)
      kernels->swiglu(gate.row(row) + panel * width, up.row(row) + panel * width, width);
  });
  lora_low(worker, layer, LoraGroup::mlp_out, gate);
  worker.each(own.down.weight.panels(),
              [&](std::int64_t panel) { linear(own.down, panel, gate, x, true, layer, LoraGroup::mlp_out, 0); });
}

void Network::Parts::output_head(Worker& worker) {
  worker.each(ssize(logit_rows), [&](std::int64_t i) {
    kernels->rmsnorm(x.row(logit_rows[static_cast<std::size_t>(i)]), final_norm.data(), model.decoder.hidden_size,
                     static_cast<float>(model.decoder.rms_norm_eps), head_in.row(i));
  });
  lora_low(worker, 0, LoraGroup::head, head_in);
  const Linear output{head, {}};
  worker.each(head.panels(),
              [&](std::int64_t panel) { linear(output, panel, head_in, logits, false, 0, LoraGroup::head, 0); });
}

}  // namespace luthier::serve
