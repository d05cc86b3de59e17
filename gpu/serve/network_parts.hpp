// What network_load.cpp builds and network.cpp, network_attention.cpp, network_experts.cpp and network_lora.cpp run; internal to them.
#pragma once

#include <array>
#include <new>
#include <vector>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/kernels/rope.hpp"
#include "gpu/serve/network.hpp"
#include "gpu/serve/row_kernels.hpp"

namespace luthier::serve {

struct Linear {
  WeightMatrix weight;
  std::vector<float> bias;  // padded to whole panels; empty: none
};

struct Norm {
  std::vector<float> weight, bias;  // padded to a multiple of 16. No weight: no norm; a bias: a LayerNorm
  bool empty() const { return weight.empty(); }
};

// A gated or plain feed-forward part: the layer's own, or one expert. Without a gate `gate` is the one that goes up.
struct FeedForward {
  Linear gate, up, down;
};

struct Layer {
  Norm attention_norm, attention_output_norm, mlp_norm, mlp_output_norm, query_norm, key_norm;
  std::array<Linear, 3> qkv;
  Linear o;
  std::vector<float> sinks;  // by head; empty: none
  FeedForward mlp;
  Linear router;
  std::vector<FeedForward> experts;
  std::size_t heads_kind = 0;  // whose tasks divide its attention
};

// Values that begin with a cache line: what a vector stores across two lines cannot be read again before both have come.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* at, std::size_t) { ::operator delete(at, line); }
  bool operator==(const LineAllocator&) const = default;
};
using AlignedFloats = std::vector<float, LineAllocator<float>>;

// [rows_max, stride] values, whole panels wide.
struct Rows {
  AlignedFloats values;
  std::int64_t stride = 0;
  float* row(std::int64_t i) { return values.data() + i * stride; }
  const float* row(std::int64_t i) const { return values.data() + i * stride; }
};

// Rows [begin, end) of the pass that use one adapter.
struct Segment {
  std::int64_t begin = 0, end = 0;
  const LoadedAdapter* adapter = nullptr;
};

// Few rows of a segment, that one thread computes A x of.
using Chunk = Segment;
constexpr std::int64_t chunk_rows = 6;

// The queries of one request that read one head's keys and values together: at most `tile_queries` pairs of row and head.
struct AttentionTask {
  std::size_t item = 0;
  std::int64_t kv_head = 0, first = 0, count = 0;  // pairs, counted row by row
};

// Layers with the same numbers of heads divide a pass in the same way.
struct HeadsKind {
  std::int64_t heads = 0, kv_heads = 0;
  std::vector<AttentionTask> tasks;
};

constexpr std::int64_t tile_queries = 12;

struct Scratch {  // one per thread
  AlignedFloats queries, scores, sums, head;
  std::array<float, tile_queries> totals{};
  std::vector<Lines> lines;     // to be fetched during the product at hand
  std::int64_t lines_count = 0;  // all together
};

// How cosines and sines of one Rope are made, and those of the rows of this pass.
struct RopeTable {
  checkpoint::Rope rope;
  kernels::RopeFrequencies frequencies;
  bool depends_on_length = false;
  std::vector<float> cosine, sine;  // [rows, rotary_dim / 2]
};

// The rows of one adapter that one expert computes: entries [begin, end) of the gathered ones.
struct ExpertTask {
  std::int64_t expert = 0, begin = 0, end = 0;
  const LoadedAdapter* adapter = nullptr;
};

// Which experts compute which rows, made anew for every layer.
struct Routing {
  Rows logits;
  std::vector<std::int32_t> chosen;   // [rows, per_token], ascending within a row
  std::vector<float> shares;          // [rows, per_token]
  std::vector<std::int64_t> slot;     // [rows, per_token]: where the row stands among the gathered ones
  std::vector<std::int64_t> row_of;   // the other way round
  std::vector<ExpertTask> experts;    // whole experts: what reads their weights
  std::vector<ExpertTask> segments;   // the same, cut where the adapter changes
  Rows in, gate, up, out, low;        // [rows * per_token, ...]
};

struct Network::Parts {
  checkpoint::Model model;  // of its weights only those that are no matrices of products
  Team* team = nullptr;
  const RowKernels* kernels = nullptr;
  std::int64_t rows_max = 0, logits_max = 0, context_max = 0;

  Memory packed;
  std::vector<Layer> layers;
  Norm embedding_norm, final_norm;
  Linear head;                        // no panels: the model has none
  Table embeddings;                   // [vocabulary, hidden]; without data: tied, they are the head's columns
  const float* positions = nullptr;   // learned ones, [max_position_embeddings, hidden]; nullptr: none
  const float* token_type = nullptr;  // of type 0, [hidden]; nullptr: none
  RopeTable rope, local_rope;
  std::int64_t rotary_dim = 0;

  // One pass.
  std::vector<BatchItem> items;
  std::vector<std::int64_t> item_row, row_item, row_token_position, logit_rows;
  std::vector<std::int64_t> logit_of_item;  // -1: none
  std::vector<Segment> segments, logit_segments;
  std::vector<Chunk> chunks, logit_chunks;  // the same rows
  bool has_adapters = false;
  bool decomposed = false;  // some request's adapter is DoRA
  std::vector<HeadsKind> heads_kinds;
  std::int64_t rows = 0;
  Rows x, normed, branch, q, k, v, attended, gate, up, low, head_in, head_low, logits;
  Routing routing;
  std::vector<Scratch> scratch;

  Result<void> load(const std::filesystem::path& path, WeightsKept kept);
  void make_rows(std::int64_t count);
  const checkpoint::LayerShape& shape(std::int64_t layer) const { return model.decoder.layers[static_cast<std::size_t>(layer)]; }
  const Layer& weights(std::int64_t layer) const { return layers[static_cast<std::size_t>(layer)]; }

  void plan(std::span<const BatchItem> batch);
  void plan_heads(HeadsKind& kind);
  void plan_rope(RopeTable& table);
  void run(Worker& worker, const KvCache& cache);
  void embed(Worker& worker);
  void embed_row(std::int64_t row);
  void apply(const Norm& norm, std::int64_t width, const float* in, float* out) const;
  void norm(Worker& worker, const Norm& norm, Rows& out);
  const Rows& inputs_of_part(Worker& worker, std::int64_t layer, const Norm& before, LoraGroup group);
  Rows& outputs_of_part() { return is_around() ? branch : x; }
  void end_part(Worker& worker, const Norm& after);
  bool is_around() const { return model.decoder.norm_place == checkpoint::NormPlace::around; }

  std::int64_t panels_at_once() const { return rows <= 3 ? 2 : 1; }
  void fetch_ahead(Worker& worker, const WeightMatrix& weight) const;
  void product(const WeightMatrix& weight, std::int64_t panel, std::int64_t panels, const Rows& in, std::int64_t begin, std::int64_t end,
               bool accumulate, Rows& out, const Fetch& fetch = {}) const;
  void add_bias(const Linear& linear, std::int64_t panel, std::int64_t begin, std::int64_t end, Rows& out) const;
  void linear(Worker& worker, const Linear& linear, std::int64_t first, std::int64_t panels, const Rows& in, Rows& out, bool accumulate,
              std::int64_t layer, LoraGroup group, int slot);
  void activate(float* gate, const float* up, std::int64_t n) const;
  void feed_forward(Worker& worker, std::int64_t layer, const Rows& in);
  void output_head(Worker& worker);

  // network_lora.cpp
  void lora_low(Worker& worker, std::int64_t layer, LoraGroup group, const Rows& in);
  void low_rows(const LoraInputs& inputs, const Rows& in, std::int64_t begin, std::int64_t end, Rows& out) const;
  void fetch_b(Worker& worker, const LoraInputs& inputs, int slot, std::int64_t panel);
  void add_lora(const LoraInputs& inputs, int slot, std::int64_t panel, const Rows& products, std::int64_t begin, std::int64_t end,
                Rows& out) const;
  template <class Visit>
  void each_gain(std::int64_t layer, LoraGroup group, int slot, std::int64_t panel, Visit visit) const;
  void set_aside(std::int64_t layer, LoraGroup group, int slot, std::int64_t panel, Rows& out);
  void scale(std::int64_t layer, LoraGroup group, int slot, std::int64_t panel, bool accumulate, Rows& out) const;
  void fetch_low(Worker& worker, std::int64_t layer, LoraGroup group, std::int64_t step, std::int64_t count, std::int64_t steps);
  void fetch(Worker& worker, const float* begin, std::int64_t floats);

  // network_attention.cpp
  void attention(Worker& worker, std::int64_t layer, const KvCache& cache, const Rows& in);
  void attention_inputs(Worker& worker, std::int64_t layer, const Rows& in);
  void rotate_and_store(Worker& worker, std::int64_t layer, const KvCache& cache);
  void turn(const Norm& norm, const RopeTable* table, std::int64_t row, float* head, float* padded_head) const;
  void attend_task(const AttentionTask& task, Scratch& scratch, std::int64_t layer, const KvCache& cache);

  // network_experts.cpp
  void mixture(Worker& worker, std::int64_t layer, const Rows& in);
  void choose(std::int64_t row, std::int64_t experts);
  void gather(std::int64_t experts);
  void compute_experts(Worker& worker, std::int64_t layer);
};

}  // namespace luthier::serve
