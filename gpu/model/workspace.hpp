// The buffers of forward and backward passes, all in one arena. The layout alone says how much memory a pass needs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"
#include "gpu/model/lora_layout.hpp"
#include "gpu/model/projection.hpp"

namespace luthier::model {

struct PassSize {
  std::int64_t tokens = 0;          // most of one batch
  std::int64_t head_chunk = 256;    // rows whose logits exist at the same time
  bool backward = false;            // keep what the gradients need
  bool dropout = false;             // of an adapter's input
  bool bfloat16 = false;            // inputs of products are rounded; no backward pass
  // Of each layer only its input is kept, and the backward pass computes the rest again: the same bits, for a third more time.
  bool recompute = false;
  bool stored_weights = false;      // matrices of the base are kept in fewer bits
  bool bfloat16_products = false;   // of a network that was bound so
};

// What one block leaves behind for its gradients. Without a backward pass all blocks share one.
struct BlockBuffers {
  float* x = nullptr;             // [tokens, hidden]: the residual stream at its input
  float* input_stats = nullptr;   // [tokens, norm_stats]: of the norm before it
  float* raw = nullptr;           // [tokens, hidden]: what the norm behind it had as its input
  float* output_stats = nullptr;
  std::array<float*, 2> shrunk{};  // [tokens, LoraGroup::kept()] of the adapters on its first and on its last product

  float* qkv = nullptr;           // [tokens, q + k + v]: q and k normalised and turned by rope
  float* unnormed = nullptr;      // [tokens, q + k]: before their norms
  float *query_stats = nullptr, *key_stats = nullptr;  // [tokens, heads]
  float* attended = nullptr;      // [tokens, q]
  float* log_sum_exp = nullptr;   // [heads, tokens]

  // Of all experts' rows together where there are experts: tokens * per_token, whatever they choose.
  float* gate_up = nullptr;       // [rows, gate_up]
  float *router = nullptr, *router_shrunk = nullptr;  // [tokens, experts], [tokens, rank]
  std::array<std::int64_t, 2> shrunk_ranks{};         // the largest of any expert: what each row has in `shrunk`
  float* shares = nullptr;        // [tokens, per_token], and once more sorted by expert
  float* sorted_shares = nullptr;
  std::int32_t *chosen = nullptr, *row_of = nullptr, *token_of = nullptr;  // [rows]
  std::int32_t* first_row = nullptr;                                       // [experts + 1]
};

struct RopeTable {
  float *cosine = nullptr, *sine = nullptr;  // [tokens, rotary_dim / 2]
};

struct Workspace {
  std::vector<BlockBuffers> blocks;
  float* out = nullptr;       // [tokens, hidden]: the residual stream after the last block
  float* embedded = nullptr;  // [tokens, hidden]: before the norm of the embeddings
  float* embedded_stats = nullptr;
  RopeTable rope, local_rope;
  float *normed = nullptr, *activated = nullptr;
  float *expert_x = nullptr, *expert_y = nullptr;  // [tokens, hidden]: no expert has a token twice

  // Gradients: of the residual stream, of a block's input and output, and of what lies between.
  float *dx = nullptr, *dnormed = nullptr, *draw = nullptr, *dactivated = nullptr, *dqkv = nullptr, *dattended = nullptr;
  float* attention_scratch = nullptr;
  float *drouter = nullptr, *dshares = nullptr, *sorted_dshares = nullptr;

  // One chunk of rows at the output head.
  float *head_x = nullptr, *head_stats = nullptr, *head_normed = nullptr, *head_shrunk = nullptr, *logits = nullptr;
  float *head_slopes = nullptr, *head_dnormed = nullptr, *head_dx = nullptr;

  ProjectionScratch scratch;
  std::function<void(std::int64_t layer)> layer_done;  // backward() calls it when a layer's gradients are whole; may be empty
  PassSize size;
  std::shared_ptr<float[]> memory;
};

// `lora` nullptr: no adapter.
std::size_t workspace_floats(const checkpoint::Decoder& decoder, const LoraLayout* lora, const PassSize& size);
Result<Workspace> make_workspace(const checkpoint::Decoder& decoder, const LoraLayout* lora, const PassSize& size);

}  // namespace luthier::model
