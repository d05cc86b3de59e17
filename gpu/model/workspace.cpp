#include "gpu/model/workspace.hpp"

#include <algorithm>
#include <string>

#include "gpu/checkpoint/memory.hpp"
#include "gpu/kernels/attention.hpp"
#include "gpu/model/layout.hpp"

namespace luthier::model {
namespace {

// Hands out buffers; without memory it only counts.
struct Taker {
  Layout layout;
  float* base = nullptr;

  float* operator()(std::int64_t rows, std::int64_t width) {
    const std::size_t at = layout.add(static_cast<std::size_t>(rows * width));
    return base ? base + at : nullptr;
  }
};

struct Widths {
  std::int64_t hidden, q, qkv, intermediate;
  std::int64_t rank_max = 0, in_max = 0;
};

Widths widths_of(const checkpoint::Decoder& d, const LoraLayout* lora) {
  Widths w{d.hidden_size, d.num_heads * d.head_dim, (d.num_heads + 2 * d.num_kv_heads) * d.head_dim, d.intermediate_size};
  w.in_max = std::max({w.hidden, w.q, w.intermediate});
  if (!lora) return w;
  w.rank_max = lora->head.rank;
  for (const auto& layer : lora->layers)
    for (const LoraGroup& group : layer) w.rank_max = std::max(w.rank_max, group.rank);
  return w;
}

LayerBuffers take_layer(Taker& take, const checkpoint::Decoder& d, const Widths& w, std::int64_t tokens, bool backward) {
  LayerBuffers b;
  b.x = take(tokens, w.hidden);
  b.middle = take(tokens, w.hidden);
  b.qkv = take(tokens, w.qkv);
  b.attended = take(tokens, w.q);
  b.gate_up = take(tokens, 2 * w.intermediate);
  if (!backward) return b;
  b.input_inverse = take(tokens, 1);
  b.post_inverse = take(tokens, 1);
  b.log_sum_exp = take(tokens, d.num_heads);
  return b;
}

void take_layers(Taker& take, Workspace& ws, const checkpoint::Decoder& d, const LoraLayout* lora, const Widths& w) {
  const auto count = static_cast<std::size_t>(d.num_layers);
  const std::int64_t tokens = ws.size.tokens;
  ws.layers.clear();
  if (!ws.size.backward) {
    LayerBuffers shared = take_layer(take, d, w, tokens, false);
    shared.shrunk.fill(take(tokens, w.rank_max));
    ws.layers.assign(count, shared);
    ws.out = shared.x;
    return;
  }
  for (std::size_t l = 0; l < count; ++l) {
    ws.layers.push_back(take_layer(take, d, w, tokens, true));
    for (std::size_t s = 0; lora && s < sites_count; ++s) ws.layers[l].shrunk[s] = take(tokens, lora->layers[l][s].rank);
  }
  ws.out = take(tokens, w.hidden);
}

// The head runs between the forward and the backward pass, the MLP's gradient before attention's: they share memory.
void take_shared(Taker& take, Workspace& ws, const checkpoint::Decoder& d, const LoraLayout* lora, const Widths& w) {
  const std::int64_t tokens = ws.size.tokens, chunk = ws.size.head_chunk;
  const std::size_t mark = take.layout.mark();
  ws.activated = take(tokens, w.intermediate);
  if (ws.size.backward) {
    ws.dactivated = take(tokens, w.intermediate);
    take.layout.back_to(mark);
    ws.dqkv = take(tokens, w.qkv);
    ws.dattended = take(tokens, w.q);
    const auto scratch = kernels::attention_backward_scratch({d.num_heads, d.num_kv_heads, d.head_dim, 0}, tokens);
    ws.attention_scratch = take(static_cast<std::int64_t>(scratch), 1);
  }
  take.layout.back_to(mark);
  ws.head_x = take(chunk, w.hidden);
  ws.head_inverse = take(chunk, 1);
  ws.head_normed = take(chunk, w.hidden);
  ws.head_shrunk = take(chunk, lora ? lora->head.rank : 0);
  ws.logits = take(chunk, d.vocab_size);
  if (!ws.size.backward) return;
  ws.head_dnormed = take(chunk, w.hidden);
  ws.head_dx = take(chunk, w.hidden);
}

std::size_t lay_out(Workspace& ws, float* base, const checkpoint::Decoder& d, const LoraLayout* lora, const PassSize& size) {
  Taker take{{}, base};
  const Widths w = widths_of(d, lora);
  ws.size = size;
  take_layers(take, ws, d, lora, w);
  ws.cosine = take(size.tokens, d.head_dim / 2);
  ws.sine = take(size.tokens, d.head_dim / 2);
  ws.normed = take(size.tokens, w.hidden);
  if (size.backward) {
    ws.dx = take(size.tokens, w.hidden);
    ws.dnormed = take(size.tokens, w.hidden);
  }
  const std::int64_t rows = std::max(size.tokens, size.head_chunk);
  ws.scratch.low_rank = take(rows, w.rank_max);
  if (size.dropout || size.bfloat16) ws.scratch.input = take(rows, w.in_max);
  take_shared(take, ws, d, lora, w);
  return take.layout.floats();
}

}  // namespace

std::size_t workspace_floats(const checkpoint::Decoder& decoder, const LoraLayout* lora, const PassSize& size) {
  Workspace counted;
  return lay_out(counted, nullptr, decoder, lora, size);
}

Result<Workspace> make_workspace(const checkpoint::Decoder& decoder, const LoraLayout* lora, const PassSize& size) {
  auto memory = checkpoint::allocate_floats(workspace_floats(decoder, lora, size),
                                            "a pass over " + std::to_string(size.tokens) + " tokens");
  if (!memory) return memory.error();
  Workspace ws;
  lay_out(ws, memory->get(), decoder, lora, size);
  ws.memory = std::move(*memory);
  return ws;
}

}  // namespace luthier::model
