// Queries, keys and values, and who sees whom. A row's result does not depend on how many rows are computed beside it:
// what it may not see has a weight of exactly zero, which changes no sum.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "gpu/serve/network_parts.hpp"

namespace luthier::serve {
namespace {

using checkpoint::Positions;
using std::ssize;

void rotate(float* head, const float* cosine, const float* sine, std::int64_t half) {
  for (std::int64_t j = 0; j < half; ++j) {
    const float a = head[j], b = head[j + half];
    head[j] = a * cosine[j] - b * sine[j];
    head[j + half] = b * cosine[j] + a * sine[j];
  }
}

}  // namespace

void Network::Parts::attention(Worker& worker, std::int64_t layer, const KvCache& cache, const Rows& in) {
  attention_inputs(worker, layer, in);
  fetch_ahead(worker, weights(layer).o.weight);
  rotate_and_store(worker, layer, cache);
  const auto& tasks = heads_kinds[weights(layer).heads_kind].tasks;
  worker.each(ssize(tasks), [&](std::int64_t i) {
    attend_task(tasks[static_cast<std::size_t>(i)], scratch[static_cast<std::size_t>(worker.index())], layer, cache);
  });
  lora_low(worker, layer, LoraGroup::attention_out, attended);
  const auto& o = weights(layer).o;
  worker.each(o.weight.panels(), panels_at_once(), [&](std::int64_t panel, std::int64_t count) {
    fetch_low(worker, layer, weights(layer).experts.empty() ? LoraGroup::mlp_in : LoraGroup::router, panel, count, o.weight.panels());
    linear(worker, o, panel, count, attended, outputs_of_part(), !is_around(), layer, LoraGroup::attention_out, 0);
  });
}

void Network::Parts::attention_inputs(Worker& worker, std::int64_t layer, const Rows& in) {
  const auto& qkv = weights(layer).qkv;
  const std::array<Rows*, 3> outs{&q, &k, &v};
  const std::int64_t panels = qkv[0].weight.panels() + qkv[1].weight.panels() + qkv[2].weight.panels();
  worker.each(panels, panels_at_once(), [&](std::int64_t task, std::int64_t count) {
    fetch_low(worker, layer, LoraGroup::attention_out, task, count, panels);
    std::int64_t first = 0;  // of the matrix at hand, among the panels of all three
    for (std::size_t i = 0; i < 3; first += qkv[i++].weight.panels()) {
      const std::int64_t begin = std::max(task, first), end = std::min(task + count, first + qkv[i].weight.panels());
      if (begin < end)
        linear(worker, qkv[i], begin - first, end - begin, in, *outs[i], false, layer, LoraGroup::attention_in, static_cast<int>(i));
    }
  });
}

// A query's or key's own norm, and its position. `padded_head`: room for one head, zeros behind it.
void Network::Parts::turn(const Norm& norm, const RopeTable* table, std::int64_t row, float* head, float* padded_head) const {
  const std::int64_t dim = model.decoder.head_dim, half = rotary_dim / 2;
  if (!norm.empty()) {
    std::memcpy(padded_head, head, static_cast<std::size_t>(dim) * sizeof(float));
    apply(norm, dim, padded_head, padded_head);
    std::memcpy(head, padded_head, static_cast<std::size_t>(dim) * sizeof(float));
  }
  if (table != nullptr) rotate(head, table->cosine.data() + row * half, table->sine.data() + row * half, half);
}

void Network::Parts::rotate_and_store(Worker& worker, std::int64_t layer, const KvCache& cache) {
  const std::int64_t dim = model.decoder.head_dim;
  const std::int64_t value_stride = (dim + 15) / 16 * 16;
  const auto& own = weights(layer);
  const auto by = shape(layer).positions;
  const RopeTable* table = by == Positions::none || rope.cosine.empty() ? nullptr : by == Positions::local_rope ? &local_rope : &rope;
  worker.each(rows, [&](std::int64_t row) {
    float* padded_head = scratch[static_cast<std::size_t>(worker.index())].head.data();
    for (std::int64_t h = 0; h < shape(layer).num_heads; ++h) turn(own.query_norm, table, row, q.row(row) + h * dim, padded_head);
    const auto at = static_cast<std::size_t>(row);
    const std::int64_t position = row_token_position[at];
    const auto& item = items[static_cast<std::size_t>(row_item[at])];
    const BlockId block = item.blocks[static_cast<std::size_t>(position / block_tokens)];
    const std::int64_t slot = position % block_tokens;
    for (std::int64_t h = 0; h < shape(layer).num_kv_heads; ++h) {
      float* key = k.row(row) + h * dim;
      turn(own.key_norm, table, row, key, padded_head);
      float* keys = cache.keys(layer, block, h);
      for (std::int64_t j = 0; j < dim; ++j) keys[j * block_tokens + slot] = key[j];
      std::memcpy(cache.values(layer, block, h) + slot * value_stride, v.row(row) + h * dim,
                  static_cast<std::size_t>(dim) * sizeof(float));
    }
  });
}

void Network::Parts::attend_task(const AttentionTask& task, Scratch& own, std::int64_t layer,
                                 const KvCache& cache) {
  const auto& decoder = model.decoder;
  const auto& item = items[task.item];
  const std::int64_t dim = decoder.head_dim, group = shape(layer).num_heads / shape(layer).num_kv_heads;
  const std::int64_t window = shape(layer).window;
  const bool sees_all = decoder.attend == checkpoint::Attend::all;
  const std::int64_t query_stride = row_stride(dim), value_stride = (dim + 15) / 16 * 16;
  const auto row_of = [&](std::int64_t i) { return (task.first + i) / group; };  // within the item
  const auto head_of = [&](std::int64_t i) { return task.kv_head * group + (task.first + i) % group; };
  const auto query_of = [&](Rows& in, std::int64_t i) { return in.row(item_row[task.item] + row_of(i)) + head_of(i) * dim; };
  // Query i sees the tokens [first_of(i), end_of(i)).
  const auto end_of = [&](std::int64_t i) { return sees_all ? item.sequence_length : item.position + row_of(i) + 1; };
  const auto first_of = [&](std::int64_t i) {
    return window > 0 ? std::max<std::int64_t>(item.position + row_of(i) + 1 - window, 0) : 0;
  };
  for (std::int64_t i = 0; i < task.count; ++i)
    std::memcpy(own.queries.data() + i * query_stride, query_of(q, i), static_cast<std::size_t>(dim) * sizeof(float));

  // Blocks that none of these queries sees are not touched.
  const std::int64_t first = first_of(0), tokens = end_of(task.count - 1);
  const std::int64_t first_block = first / block_tokens, blocks = blocks_for(tokens) - first_block;
  const std::int64_t base = first_block * block_tokens, score_stride = blocks * block_tokens + 16;
  const auto block_of = [&](std::int64_t b) { return item.blocks[static_cast<std::size_t>(first_block + b)]; };
  const float scale = decoder.attention_scale > 0 ? static_cast<float>(decoder.attention_scale) : 1.0F / std::sqrt(static_cast<float>(dim));
  for (std::int64_t b = 0; b < blocks; ++b)
    kernels->multiply(own.queries.data(), query_stride, task.count, cache.keys(layer, block_of(b), task.kv_head), block_tokens, dim,
                      block_tokens, scale, false, own.scores.data() + b * block_tokens, score_stride);
  const auto cap = static_cast<float>(decoder.attention_softcap);
  const auto& sinks = weights(layer).sinks;
  for (std::int64_t i = 0; i < task.count; ++i) {
    float* scores = own.scores.data() + i * score_stride;
    if (cap > 0) kernels->softcap(scores, blocks * block_tokens, cap);
    const float sink = sinks.empty() ? -std::numeric_limits<float>::infinity() : sinks[static_cast<std::size_t>(head_of(i))];
    own.totals[static_cast<std::size_t>(i)] = kernels->softmax(scores, first_of(i) - base, end_of(i) - base, blocks * block_tokens, sink);
  }
  for (std::int64_t b = 0; b < blocks; ++b) {
    // Only tokens that exist: what an earlier request left behind in the block must not even be multiplied by zero.
    const std::int64_t begin = b == 0 ? first - base : 0, end = std::min(block_tokens, tokens - base - b * block_tokens);
    const float* values = cache.values(layer, block_of(b), task.kv_head) + begin * value_stride;
    for (std::int64_t j = 0; j < value_stride; j += 32)
      kernels->multiply(own.scores.data() + b * block_tokens + begin, score_stride, task.count, values + j, value_stride, end - begin,
                        value_stride - j >= 32 ? 32 : 16, 1.0F, b > 0, own.sums.data() + j, query_stride);
  }
  for (std::int64_t i = 0; i < task.count; ++i) {
    const float factor = 1.0F / own.totals[static_cast<std::size_t>(i)];
    float* out = query_of(attended, i);
    for (std::int64_t j = 0; j < dim; ++j) out[j] = own.sums[static_cast<std::size_t>(i * query_stride + j)] * factor;
  }
}

}  // namespace luthier::serve
