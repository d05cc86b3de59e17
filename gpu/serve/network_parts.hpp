// What network_load.cpp builds and network.cpp runs; nobody else includes it.
#pragma once

#include <array>
#include <vector>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/kernels/rope.hpp"
#include "gpu/serve/network.hpp"
#include "gpu/serve/row_kernels.hpp"

namespace luthier::serve {

struct Linear {
  PanelMatrix weight;
  std::vector<float> bias;  // padded to whole panels; empty: none
};

struct Layer {
  std::vector<float> attention_norm, mlp_norm;  // padded to a multiple of 16
  std::array<Linear, 3> qkv;
  Linear o;
  std::array<Linear, 2> gate_up;
  Linear down;
};

// [rows_max, stride] values, whole panels wide.
struct Rows {
  std::vector<float> values;
  std::int64_t stride = 0;
  float* row(std::int64_t i) { return values.data() + i * stride; }
  const float* row(std::int64_t i) const { return values.data() + i * stride; }
};

// Rows [begin, end) of the pass that use one adapter.
struct Segment {
  std::int64_t begin = 0, end = 0;
  const LoadedAdapter* adapter = nullptr;
};

// The queries of one request that read one head's keys and values together: at most `tile_queries` pairs of row and head.
struct AttentionTask {
  std::size_t item = 0;
  std::int64_t kv_head = 0, first = 0, count = 0;  // pairs, counted row by row
};

constexpr std::int64_t tile_queries = 12;

struct AttentionScratch {  // one per thread
  std::vector<float> queries, scores, sums;
  std::array<float, tile_queries> totals{};
};

struct Network::Parts {
  checkpoint::Model model;  // owns embeddings that are not tied; what has been packed is given back to the system
  Team* team = nullptr;
  const RowKernels* kernels = nullptr;
  std::int64_t rows_max = 0, logits_max = 0, context_max = 0;

  Memory packed;
  std::vector<Layer> layers;
  std::vector<float> final_norm;
  PanelMatrix head;
  const float* embeddings = nullptr;  // [vocabulary, hidden]; nullptr: tied, they are the head's columns
  kernels::RopeFrequencies frequencies;
  bool frequencies_depend_on_length = false;

  // One pass.
  std::vector<BatchItem> items;
  std::vector<std::int64_t> item_row, row_item, row_token_position, logit_rows;
  std::vector<std::int64_t> logit_of_item;  // -1: none
  std::vector<Segment> segments, logit_segments;
  std::vector<AttentionTask> tasks;
  std::int64_t rows = 0;
  std::vector<float> cosine, sine;
  Rows x, normed, q, k, v, attended, gate, up, low, head_in, head_low, logits;
  std::vector<AttentionScratch> scratch;

  Result<void> load(const std::filesystem::path& path);
  void plan(std::span<const BatchItem> batch);
  void plan_rope();
  void run(Worker& worker, const KvCache& cache);
  void embed(Worker& worker);
  void norm(Worker& worker, const std::vector<float>& weight);
  void lora_low(Worker& worker, std::int64_t layer, LoraGroup group, const Rows& in);
  void linear(const Linear& linear, std::int64_t panel, const Rows& in, Rows& out, bool accumulate, std::int64_t layer,
              LoraGroup group, int slot);
  void attention_inputs(Worker& worker, std::int64_t layer);
  void rotate_and_store(Worker& worker, std::int64_t layer, const KvCache& cache);
  void attend(Worker& worker, std::int64_t layer, const KvCache& cache);
  void attend_task(const AttentionTask& task, AttentionScratch& scratch, std::int64_t layer, const KvCache& cache);
  void attention_outputs(Worker& worker, std::int64_t layer);
  void mlp(Worker& worker, std::int64_t layer);
  void output_head(Worker& worker);
};

}  // namespace luthier::serve
