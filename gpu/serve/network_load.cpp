#include <algorithm>
#include <string>

#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/serve/network_parts.hpp"
#include "gpu/serve/weight_packer.hpp"

namespace luthier::serve {
namespace {

using checkpoint::Decoder;
using checkpoint::LayerShape;
using checkpoint::LinearLayer;

// Of a model that reads texts whole, unless more is asked for: a pass over a text needs memory for all of its rows.
constexpr std::int64_t whole_text_tokens_max = 8192;

// Norms, biases and the like, and an encoder's tables of positions and types.
checkpoint::Weights::Shapes small_shapes(const StoredTensors& tensors, const checkpoint::OuterTensors& outer) {
  checkpoint::Weights::Shapes out;
  for (const auto& [name, shape] : tensors.shapes())
    if (shape.size() < 2 || name.ends_with("bias") || name == outer.positions || name == outer.types) out.emplace(name, shape);
  return out;
}

void add_attention(const Decoder& decoder, const LayerShape& shape, const checkpoint::LayerTensors& tensors, WeightPacker& packer, Layer& layer) {
  layer.attention_norm = packer.norm(tensors.attention_norm);
  layer.attention_output_norm = packer.norm(tensors.attention_output_norm);
  layer.query_norm = packer.norm(tensors.query_norm);
  layer.key_norm = packer.norm(tensors.key_norm);
  if (!tensors.sinks.empty()) layer.sinks = padded(packer.values(tensors.sinks), 1);
  const std::int64_t queries = shape.num_heads * decoder.head_dim, keys = shape.num_kv_heads * decoder.head_dim;
  if (tensors.qkv.size() == 1) {
    packer.rows(tensors.qkv[0], 0, queries, layer.qkv[0]);
    packer.rows(tensors.qkv[0], queries, keys, layer.qkv[1]);
    packer.rows(tensors.qkv[0], queries + keys, keys, layer.qkv[2]);
  } else {
    for (std::size_t i = 0; i < 3; ++i) packer.whole(tensors.qkv.at(i), layer.qkv[i]);
  }
  packer.whole(tensors.output.at(0), layer.o);
}

void add_feed_forward(const std::vector<LinearLayer>& gate_up, const LinearLayer& down, bool gated, WeightPacker& packer, FeedForward& into) {
  const std::int64_t width = down.in;
  if (gate_up.size() == 1 && gated) {
    packer.rows(gate_up[0], 0, width, into.gate);
    packer.rows(gate_up[0], width, width, into.up);
  } else {
    packer.whole(gate_up.at(0), into.gate);
    if (gated) packer.whole(gate_up.at(1), into.up);
  }
  packer.whole(down, into.down);
}

void add_experts(const Decoder& decoder, const LayerShape& shape, const checkpoint::LayerTensors& tensors, WeightPacker& packer, Layer& layer) {
  packer.whole(tensors.router.at(0), layer.router);
  layer.experts.resize(static_cast<std::size_t>(shape.num_experts));
  for (std::int64_t e = 0; e < shape.num_experts; ++e) {
    const auto at = static_cast<std::size_t>(e);
    auto& expert = layer.experts[at];
    if (!decoder.experts.stacked) {
      add_feed_forward(tensors.expert_gate_up.at(at), tensors.expert_down.at(at).at(0), decoder.gated, packer, expert);
      continue;
    }
    packer.columns(tensors.stacked_gate_up, e, decoder.hidden_size, shape.intermediate_size, 0, 2, expert.gate);
    packer.columns(tensors.stacked_gate_up, e, decoder.hidden_size, shape.intermediate_size, 1, 2, expert.up);
    packer.columns(tensors.stacked_down, e, shape.intermediate_size, decoder.hidden_size, 0, 1, expert.down);
  }
}

void add_layer(const Decoder& decoder, std::int64_t index, WeightPacker& packer, Layer& layer) {
  const auto& shape = decoder.layers[static_cast<std::size_t>(index)];
  const auto tensors = checkpoint::layer_tensors(decoder, index);
  if (shape.num_heads > 0) add_attention(decoder, shape, tensors, packer, layer);
  if (shape.intermediate_size == 0) return;
  layer.mlp_norm = packer.norm(tensors.mlp_norm);
  layer.mlp_output_norm = packer.norm(tensors.mlp_output_norm);
  if (shape.num_experts > 0) add_experts(decoder, shape, tensors, packer, layer);
  else add_feed_forward(tensors.gate_up, tensors.down.at(0), decoder.gated, packer, layer.mlp);
}

Result<void> check(const Decoder& decoder, const std::string& path) {
  const std::int64_t rotary = decoder.rotary_dim > 0 ? decoder.rotary_dim : decoder.head_dim;
  if (rotary % 2 != 0 || rotary > decoder.head_dim)
    return invalid(path + ": serving needs an even number of rotated elements of a head, at most all of it", "head_dim");
  for (const auto& layer : decoder.layers) {
    if (layer.num_heads > 0 && (layer.num_kv_heads <= 0 || layer.num_heads % layer.num_kv_heads != 0))
      return invalid(path + ": serving needs heads that are a multiple of the key-value heads", "num_key_value_heads");
    if (layer.num_experts > 0 && (decoder.experts.per_token <= 0 || decoder.experts.per_token > layer.num_experts))
      return invalid(path + ": a token cannot have " + std::to_string(decoder.experts.per_token) + " of " +
                     std::to_string(layer.num_experts) + " experts", "num_experts_per_tok");
  }
  return {};
}

RopeTable rope_table_of(const Decoder& decoder, const checkpoint::Rope& rope, checkpoint::Positions which, std::int64_t rotary_dim) {
  RopeTable out;
  const bool is_used = !decoder.learned_positions && std::ranges::any_of(decoder.layers, [&](const LayerShape& layer) {
    return layer.num_heads > 0 && layer.positions == which;
  });
  if (!is_used) return out;
  out.rope = rope;
  if (out.rope.original_max_position_embeddings == 0) out.rope.original_max_position_embeddings = decoder.max_position_embeddings;
  out.depends_on_length = rope.kind == checkpoint::Rope::Kind::dynamic || rope.kind == checkpoint::Rope::Kind::longrope;
  out.frequencies = kernels::rope_frequencies(rope, rotary_dim, decoder.max_position_embeddings, 1);
  out.cosine.resize(1);  // in use; make_rows() gives it its size
  return out;
}

Rows rows_of(std::int64_t rows, std::int64_t width) {
  const std::int64_t stride = row_stride(width);
  return {AlignedFloats(static_cast<std::size_t>(rows * stride)), stride};
}

}  // namespace

Result<std::unique_ptr<Network>> Network::load(const std::filesystem::path& path, Team& team, std::int64_t rows_max,
                                               std::int64_t logits_max, std::int64_t context_max, WeightsKept kept) {
  std::unique_ptr<Network> network(new Network);
  auto& parts = *network->parts_;
  parts.team = &team;
  parts.kernels = &row_kernels();
  parts.rows_max = rows_max;
  parts.logits_max = logits_max;
  parts.context_max = context_max;
  if (auto loaded = parts.load(path, kept); !loaded) return loaded.error();
  return network;
}

Result<void> Network::Parts::load(const std::filesystem::path& path, WeightsKept kept) {
  auto tensors = StoredTensors::open(path);
  if (!tensors) return tensors.error();
  model.decoder = tensors->decoder();
  const auto& decoder = model.decoder;
  if (auto good = check(decoder, path.string()); !good) return good.error();
  const bool stretches = decoder.rope.kind == checkpoint::Rope::Kind::dynamic && decoder.rope.factor > 1;
  const std::int64_t longest = stretches ? static_cast<std::int64_t>(decoder.rope.factor * static_cast<double>(decoder.max_position_embeddings))
                                         : decoder.max_position_embeddings - decoder.position_offset;
  const bool is_whole = decoder.attend == checkpoint::Attend::all;
  context_max = std::min(longest, context_max > 0 ? context_max : is_whole ? whole_text_tokens_max : longest);

  const auto outer = checkpoint::outer_tensors(decoder);
  auto small = tensors->read(small_shapes(*tensors, outer));
  if (!small) return small.error();
  model.weights = std::move(*small);
  WeightPacker packer(*tensors, model.weights);
  layers.resize(decoder.layers.size());
  for (std::int64_t i = 0; i < decoder.num_layers; ++i) {
    auto& layer = layers[static_cast<std::size_t>(i)];
    add_layer(decoder, i, packer, layer);
    const auto& own = shape(i);
    const auto same = [&](const HeadsKind& kind) { return kind.heads == own.num_heads && kind.kv_heads == own.num_kv_heads; };
    layer.heads_kind = static_cast<std::size_t>(std::ranges::find_if(heads_kinds, same) - heads_kinds.begin());
    if (layer.heads_kind == heads_kinds.size()) heads_kinds.push_back({own.num_heads, own.num_kv_heads, {}});
  }
  embedding_norm = packer.norm(outer.embedding_norm);
  final_norm = packer.norm(outer.final_norm);
  const bool is_tied = outer.head == outer.embedding;
  if (!is_tied) packer.table(outer.embedding, embeddings);
  if (!outer.positions.empty()) positions = packer.values(outer.positions).data();
  if (!outer.types.empty()) token_type = packer.values(outer.types).data();
  if (!outer.head.empty()) {
    constexpr std::string_view suffix = ".weight";
    packer.whole({outer.head.substr(0, outer.head.size() - suffix.size()), decoder.hidden_size, decoder.vocab_size}, head);
  }
  if (!packer.missing().empty()) return invalid(path.string() + ": tensor \"" + packer.missing() + "\" is missing", packer.missing());
  auto memory = packer.pack(*team, *kernels, kept);
  if (!memory) return memory.error();
  packed = std::move(*memory);

  rotary_dim = decoder.rotary_dim > 0 ? decoder.rotary_dim : decoder.head_dim;
  rope = rope_table_of(decoder, decoder.rope, checkpoint::Positions::rope, rotary_dim);
  local_rope = rope_table_of(decoder, decoder.local_rope, checkpoint::Positions::local_rope, rotary_dim);
  head_in = rows_of(logits_max, decoder.hidden_size);
  head_low = rows_of(logits_max, rank_max);
  if (decoder.has_head) logits = rows_of(logits_max, decoder.vocab_size);
  const std::int64_t scores = blocks_for(context_max + 1) * block_tokens + 16;
  for (int i = 0; i < team->size(); ++i) {
    auto& own = scratch.emplace_back();
    own.queries.resize(static_cast<std::size_t>(tile_queries * row_stride(decoder.head_dim)));
    own.sums = own.queries;
    own.head.resize(static_cast<std::size_t>(row_stride(decoder.head_dim)));
    own.scores.resize(static_cast<std::size_t>(tile_queries * scores));
  }
  make_rows(rows_max);
  return {};
}

// What one pass over `count` rows needs.
void Network::Parts::make_rows(std::int64_t count) {
  const auto& decoder = model.decoder;
  rows_max = count;
  std::int64_t query_width = 0, kv_width = 0, width = 0, expert_width = 0, experts = 0;
  for (const auto& layer : decoder.layers) {
    query_width = std::max(query_width, layer.num_heads * decoder.head_dim);
    kv_width = std::max(kv_width, layer.num_kv_heads * decoder.head_dim);
    auto& widest = layer.num_experts > 0 ? expert_width : width;
    widest = std::max(widest, layer.intermediate_size);
    experts = std::max(experts, layer.num_experts);
  }
  x = rows_of(count, decoder.hidden_size);
  normed = rows_of(count, decoder.hidden_size);
  if (is_around() || experts > 0) branch = rows_of(count, decoder.hidden_size);
  q = rows_of(count, query_width);
  k = rows_of(count, kv_width);
  v = rows_of(count, kv_width);
  attended = rows_of(count, query_width);
  gate = rows_of(count, width);
  up = rows_of(count, decoder.gated ? width : 0);
  low = rows_of(count, 3 * rank_max);
  for (RopeTable* table : {&rope, &local_rope})
    if (!table->cosine.empty()) {
      table->cosine.resize(static_cast<std::size_t>(count * rotary_dim / 2));
      table->sine = table->cosine;
    }
  if (experts == 0) return;
  const std::int64_t entries = count * decoder.experts.per_token;
  const auto size = static_cast<std::size_t>(entries);
  routing.logits = rows_of(count, experts);
  routing.chosen.resize(size), routing.shares.resize(size), routing.slot.resize(size), routing.row_of.resize(size);
  routing.in = rows_of(entries, decoder.hidden_size);
  routing.gate = rows_of(entries, expert_width);
  routing.up = rows_of(entries, expert_width);
  routing.out = rows_of(entries, decoder.hidden_size);
  routing.low = rows_of(entries, 2 * rank_max);
}

}  // namespace luthier::serve
