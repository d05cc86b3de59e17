#include "gpu/model/workspace.hpp"

#include <algorithm>
#include <string>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/model/block_shape.hpp"
#include "gpu/model/layout.hpp"
#include "gpu/model/norm.hpp"
#include "gpu/model/stored_linear.hpp"

namespace luthier::model {
namespace {

using checkpoint::Decoder;

// Hands out buffers; without memory it only counts.
struct Taker {
  Layout layout;
  float* base = nullptr;

  float* operator()(std::int64_t rows, std::int64_t width) {
    const std::size_t at = layout.add(static_cast<std::size_t>(rows * width));
    return base ? base + at : nullptr;
  }
  kernels::Bfloat16* narrow(std::int64_t rows, std::int64_t width) { return reinterpret_cast<kernels::Bfloat16*>((*this)((rows * width + 1) / 2, 1)); }
  // Ids lie among the floats, in memory that nothing else uses.
  std::int32_t* ids(std::int64_t rows, std::int64_t width) {
    static_assert(sizeof(std::int32_t) == sizeof(float));
    return reinterpret_cast<std::int32_t*>((*this)(rows, width));
  }
};

struct Plan {
  const Decoder& decoder;
  const LoraLayout* lora;
  const PassSize& size;
  std::vector<BlockShape> shapes;

  std::int64_t stats() const { return norm_stats(decoder.norm); }
  // The largest of what each block needs, 0 where none needs it.
  template <class Width>
  std::int64_t most(Width width) const {
    std::int64_t largest = 0;
    for (const BlockShape& shape : shapes) largest = std::max(largest, width(shape));
    return largest;
  }
  bool has(Part part) const {
    return std::any_of(shapes.begin(), shapes.end(), [&](const BlockShape& shape) { return shape.part == part; });
  }
  bool has_local_rope() const {
    return std::any_of(shapes.begin(), shapes.end(), [](const BlockShape& shape) {
      return shape.part == Part::attention && shape.positions == checkpoint::Positions::local_rope;
    });
  }
  std::int64_t rank_max() const { return lora ? lora->rank_max() : 0; }
};

std::int64_t queries_of(const BlockShape& s) { return s.part == Part::attention ? s.queries() : 0; }
std::int64_t width_of(const BlockShape& s) { return s.part == Part::attention ? 0 : s.width; }
std::int64_t choices_of(const BlockShape& s) { return s.part == Part::mixture ? s.router.per_token : 0; }

void take_attention(Taker& take, const Plan& plan, const BlockShape& shape, BlockBuffers& b) {
  const std::int64_t tokens = plan.size.tokens;
  b.qkv = take(tokens, shape.qkv());
  b.attended = take(tokens, shape.queries());
  if (!plan.size.backward) return;
  b.log_sum_exp = take(tokens, shape.attention.heads);
  if (!plan.decoder.query_key_norm) return;
  b.unnormed = take(tokens, shape.queries() + shape.keys());
  b.query_stats = take(tokens, shape.attention.heads);
  b.key_stats = take(tokens, shape.attention.kv_heads);
}

void take_mixture(Taker& take, const Plan& plan, const BlockShape& shape, BlockBuffers& b) {
  const std::int64_t tokens = plan.size.tokens, choices = shape.router.per_token;
  b.gate_up = take(plan.size.backward ? tokens * choices : tokens, shape.gate_up());
  b.router = take(tokens, shape.router.experts);
  b.shares = take(tokens, choices);
  b.sorted_shares = take(tokens, choices);
  for (auto** ids : {&b.chosen, &b.row_of, &b.token_of}) *ids = take.ids(tokens, choices);
  b.first_row = take.ids(shape.router.experts + 1, 1);
}

void take_shrunk(Taker& take, const Plan& plan, const BlockShape& shape, BlockBuffers& b) {
  if (!plan.lora) return;
  if (shape.part == Part::mixture) {
    const LayerLora& layer = plan.lora->layers[shape.layer];
    const std::int64_t rows = plan.size.tokens * (plan.size.backward ? shape.router.per_token : 1);
    b.router_shrunk = take(plan.size.tokens, layer.router.kept());
    b.shrunk = {take(rows, layer.gate_up_rank_max), take(rows, layer.down_rank_max)};
    b.shrunk_ranks = {layer.gate_up_rank_max, layer.down_rank_max};
    return;
  }
  const bool attention = shape.part == Part::attention;
  const Site sites[2] = {attention ? Site::qkv : Site::gate_up, attention ? Site::o : Site::down};
  for (std::size_t s = 0; s < 2; ++s) b.shrunk[s] = take(plan.size.tokens, plan.lora->at(shape.layer, sites[s]).kept());
}

// All but the residual stream.
void take_block(Taker& take, const Plan& plan, const BlockShape& shape, BlockBuffers& b) {
  const std::int64_t tokens = plan.size.tokens;
  switch (shape.part) {
    case Part::attention: take_attention(take, plan, shape, b); break;
    case Part::feed_forward: b.gate_up = take(tokens, shape.gate_up()); break;
    case Part::mixture: take_mixture(take, plan, shape, b); break;
  }
  take_shrunk(take, plan, shape, b);
  if (shape.output_norm) b.raw = take(tokens, plan.decoder.hidden_size);
  if (!plan.size.backward) return;
  b.input_stats = take(tokens, plan.stats());
  if (shape.output_norm) b.output_stats = take(tokens, plan.stats());
}

// A layer's input is always its own. With recomputation the rest of each layer shares memory with that of the others.
void take_kept_blocks(Taker& take, const Plan& plan, Workspace& ws) {
  const bool shared = plan.size.recompute;
  const auto is_first = [&](std::size_t i) { return i == 0 || plan.shapes[i].layer != plan.shapes[i - 1].layer; };
  for (std::size_t i = 0; i < plan.shapes.size(); ++i)
    if (!shared || is_first(i)) ws.blocks[i].x = take(plan.size.tokens, plan.decoder.hidden_size);
  ws.out = take(plan.size.tokens, plan.decoder.hidden_size);
  const std::size_t mark = take.layout.mark();
  std::size_t end = mark;
  for (std::size_t i = 0; i < plan.shapes.size(); ++i) {
    if (shared && is_first(i)) take.layout.back_to(mark);
    if (shared && !is_first(i)) ws.blocks[i].x = take(plan.size.tokens, plan.decoder.hidden_size);
    take_block(take, plan, plan.shapes[i], ws.blocks[i]);
    end = std::max(end, take.layout.mark());
  }
  take.layout.back_to(end);
}

void take_blocks(Taker& take, const Plan& plan, Workspace& ws) {
  ws.blocks.assign(plan.shapes.size(), {});
  if (plan.size.backward) return take_kept_blocks(take, plan, ws);
  ws.out = take(plan.size.tokens, plan.decoder.hidden_size);
  const std::size_t mark = take.layout.mark();
  std::size_t end = mark;
  for (std::size_t i = 0; i < plan.shapes.size(); ++i) {
    take.layout.back_to(mark);
    take_block(take, plan, plan.shapes[i], ws.blocks[i]);
    ws.blocks[i].x = ws.out;
    end = std::max(end, take.layout.mark());
  }
  take.layout.back_to(end);
}

void take_head(Taker& take, const Plan& plan, Workspace& ws) {
  const std::int64_t chunk = plan.size.head_chunk, hidden = plan.decoder.hidden_size;
  ws.head_x = take(chunk, hidden);
  ws.head_stats = take(chunk, plan.stats());
  ws.head_normed = take(chunk, hidden);
  if (!plan.decoder.has_head) return;
  ws.head_shrunk = take(chunk, plan.lora ? plan.lora->head.kept() : 0);
  ws.logits = take(chunk, plan.decoder.vocab_size);
  if (!plan.size.backward) return;
  if (plan.decoder.logit_softcap > 0) ws.head_slopes = take(chunk, plan.decoder.vocab_size);
  ws.head_dnormed = take(chunk, hidden);
  ws.head_dx = take(chunk, hidden);
}

// One block is at work at a time, and the head before or after all of them: they share memory.
void take_shared(Taker& take, const Plan& plan, Workspace& ws) {
  const std::int64_t tokens = plan.size.tokens, hidden = plan.decoder.hidden_size;
  const std::size_t begin = take.layout.mark();
  ws.normed = take(tokens, hidden);
  if (plan.size.backward) {
    ws.dnormed = take(tokens, hidden);
    if (plan.decoder.norm_place == checkpoint::NormPlace::around) ws.draw = take(tokens, hidden);
  }
  const std::size_t mark = take.layout.mark();
  ws.activated = take(tokens, plan.most(width_of));
  if (plan.has(Part::mixture)) {
    ws.expert_x = take(tokens, hidden);
    ws.expert_y = take(tokens, hidden);
  }
  if (plan.size.backward) {
    ws.dactivated = take(tokens, plan.most(width_of));
    ws.drouter = take(tokens, plan.most([](const BlockShape& s) { return s.part == Part::mixture ? s.router.experts : 0; }));
    ws.dshares = take(tokens, plan.most(choices_of));
    ws.sorted_dshares = take(tokens, plan.most(choices_of));
    take.layout.back_to(mark);
    ws.dqkv = take(tokens, plan.most([](const BlockShape& s) { return s.part == Part::attention ? s.qkv() : 0; }));
    ws.dattended = take(tokens, plan.most(queries_of));
    ws.attention_scratch = take(plan.most([&](const BlockShape& s) {
      return s.part == Part::attention ? static_cast<std::int64_t>(kernels::attention_backward_scratch(s.attention, tokens)) : 0;
    }), 1);
  }
  take.layout.back_to(begin);
  take_head(take, plan, ws);
}

// The most that any product with a matrix in fewer bits uses.
std::int64_t stored_room_max(const Decoder& decoder) {
  std::int64_t most = 0;
  for (const auto& [name, shape] : checkpoint::weight_shapes(decoder)) {
    if (shape.size() < 2) continue;
    const std::int64_t rows = shape[shape.size() - 2], width = shape.back();
    most = std::max({most, stored_room(rows, width), stored_room(width, rows)});  // MXFP4 is stored the other way round
  }
  return most;
}

std::int64_t inputs_max(const Plan& plan) { return std::max({plan.decoder.hidden_size, plan.most(queries_of), plan.most(width_of)}); }

void take_bfloat16(Taker& take, const Plan& plan, std::int64_t rows, Bfloat16Scratch& scratch) {
  const std::int64_t outputs_max = std::max({plan.decoder.hidden_size, plan.most([](const BlockShape& s) { return s.part == Part::attention ? s.qkv() : s.gate_up(); })});
  scratch.input = take.narrow(rows, inputs_max(plan));
  if (plan.size.backward) {
    // The head's lie where its gradient does, unless DoRA reads that once more.
    const bool head_apart = plan.lora && plan.lora->head.decomposed;
    scratch.output = take.narrow(1, std::max(plan.size.tokens * outputs_max, head_apart ? plan.size.head_chunk * plan.decoder.vocab_size : 0));
  }
  if (!plan.lora) return;
  std::int64_t b_values = 0;
  plan.lora->for_each_group([&](const LoraGroup& group) {
    for (const LoraMember& member : group.members) b_values = std::max(b_values, member.out * member.r);
  });
  scratch.low_rank = take.narrow(rows, plan.rank_max());
  scratch.a = take.narrow(plan.rank_max(), inputs_max(plan));
  scratch.b = take.narrow(1, b_values);
}

std::size_t lay_out(Workspace& ws, float* base, const Decoder& d, const LoraLayout* lora, const PassSize& size) {
  Taker take{{}, base};
  const Plan plan{d, lora, size, block_shapes(d)};
  const std::int64_t tokens = size.tokens, half = rotary_dim(d) / 2;
  ws.size = size;
  take_blocks(take, plan, ws);
  ws.rope = {take(tokens, half), take(tokens, half)};
  if (plan.has_local_rope()) ws.local_rope = {take(tokens, half), take(tokens, half)};
  if (size.backward) {
    if (!checkpoint::outer_tensors(d).embedding_norm.empty()) {
      ws.embedded = take(tokens, d.hidden_size);
      ws.embedded_stats = take(tokens, plan.stats());
    }
    ws.dx = take(tokens, d.hidden_size);
  }
  const std::int64_t rows = std::max(tokens, size.head_chunk);
  ws.scratch.low_rank = take(rows, plan.rank_max());
  if (size.dropout || size.bfloat16)
    ws.scratch.input = take(rows, inputs_max(plan));
  if (size.bfloat16_products) take_bfloat16(take, plan, rows, ws.scratch.bfloat16);
  if (size.stored_weights || (lora && lora->norm_floats > 0)) ws.scratch.weight = take(stored_room_max(d), 1);
  take_shared(take, plan, ws);
  return take.layout.floats();
}

}  // namespace

std::size_t workspace_floats(const Decoder& decoder, const LoraLayout* lora, const PassSize& size) {
  Workspace counted;
  return lay_out(counted, nullptr, decoder, lora, size);
}

Result<Workspace> make_workspace(const Decoder& decoder, const LoraLayout* lora, const PassSize& size) {
  auto memory = checkpoint::allocate_floats(workspace_floats(decoder, lora, size),
                                            "a pass over " + std::to_string(size.tokens) + " tokens");
  if (!memory) return memory.error();
  Workspace ws;
  lay_out(ws, memory->get(), decoder, lora, size);
  ws.memory = std::move(*memory);
  return ws;
}

}  // namespace luthier::model
