// The buffers of forward and backward passes, all in one arena. The layout alone says how much memory a pass needs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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
};

// What one layer leaves behind for its gradients. Without a backward pass all layers share one.
struct LayerBuffers {
  float* x = nullptr;            // [tokens, hidden]: the residual stream at its input
  float* input_inverse = nullptr;  // [tokens]: of the norm
  float* qkv = nullptr;          // [tokens, q + k + v], turned by rope
  float* attended = nullptr;     // [tokens, q]
  float* log_sum_exp = nullptr;  // [heads, tokens]
  float* middle = nullptr;       // [tokens, hidden]: the residual stream after attention
  float* post_inverse = nullptr;
  float* gate_up = nullptr;      // [tokens, 2 * intermediate]
  std::array<float*, sites_count> shrunk{};  // [tokens, rank] of each adapted group
};

struct Workspace {
  std::vector<LayerBuffers> layers;
  float* out = nullptr;  // [tokens, hidden]: the residual stream after the last layer
  float *cosine = nullptr, *sine = nullptr;  // [tokens, head_dim / 2]
  float *normed = nullptr, *activated = nullptr;

  // Gradients: of the residual stream, of a norm's output, and of what lies between.
  float *dx = nullptr, *dnormed = nullptr, *dactivated = nullptr, *dqkv = nullptr, *dattended = nullptr;
  float* attention_scratch = nullptr;

  // One chunk of rows at the output head.
  float *head_x = nullptr, *head_inverse = nullptr, *head_normed = nullptr, *head_shrunk = nullptr, *logits = nullptr;
  float *head_dnormed = nullptr, *head_dx = nullptr;

  ProjectionScratch scratch;
  PassSize size;
  std::shared_ptr<float[]> memory;
};

// `lora` nullptr: no adapter.
std::size_t workspace_floats(const checkpoint::Decoder& decoder, const LoraLayout* lora, const PassSize& size);
Result<Workspace> make_workspace(const checkpoint::Decoder& decoder, const LoraLayout* lora, const PassSize& size);

}  // namespace luthier::model
