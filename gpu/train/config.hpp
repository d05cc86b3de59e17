// The configuration of one training run: a JSON object, parsed once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/stored_matrix.hpp"

namespace luthier::train {

inline checkpoint::LoraConfig lora_on_all_linear_layers() {
  checkpoint::LoraConfig lora;
  lora.target_pattern = "all-linear";
  return lora;
}

// Ends a run whose validation loss has not fallen by more than min_delta for `patience` validations in a row.
struct EarlyStopping {
  std::int64_t patience = 3;
  double min_delta = 0;
};

// Direct preference optimisation (arXiv 2305.18290), with the sigmoid loss: rows are preference pairs.
struct Dpo {
  double beta = 0.1;
};

// The loss of the labels, and the distance to a teacher's distribution over the vocabulary (arXiv 1503.02531):
// (1 - mixing) * cross entropy + mixing * temperature^2 * KL(teacher || student), both at that temperature.
struct Distillation {
  double temperature = 2;
  double mixing = 0.5;
};

// Training of an embedding model on triples of a query, a document that answers it and others that do not; see contrastive.hpp.
struct Contrastive {
  double temperature = 0.02;
  bool in_batch_negatives = true;
  std::int64_t negatives = 4;                                // of a row's own at most, the first ones
  std::int64_t max_query_length = 0;                         // 0: as max_seq_length, which is 512 here where it is not said
  std::int64_t micro_batch = 0;                              // rows that go through the network together; 0: the whole batch
  std::optional<std::string> query_prefix, passage_prefix;  // none: the model's
};

struct TrainingConfig {
  enum class Method { lora, full };
  enum class Schedule { cosine, linear, constant };
  enum class States { f32, bf16 };
  enum class Dtype { f32, bf16 };

  Method method = Method::lora;
  checkpoint::LoraConfig lora = lora_on_all_linear_layers();
  double loraplus_lr_ratio = 1;           // lora.loraplus_lr_ratio: how many times A's rate B learns at (arXiv 2402.12354)
  std::optional<std::int64_t> max_steps;  // with epochs as well: whichever ends first
  std::optional<std::int64_t> epochs;     // neither: 1 epoch
  std::int64_t batch_size = 8;            // rows, or packs, of one micro-batch
  std::int64_t gradient_accumulation = 1;
  double learning_rate = 1e-4;
  double min_learning_rate = 0;
  std::int64_t warmup_steps = 0;
  Schedule schedule = Schedule::cosine;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  States optimizer_states = States::f32;  // of AdamW's moments; bf16: half of them, rounded up or down by chance
  checkpoint::BaseStorage base_storage = checkpoint::BaseStorage::f32;  // what the frozen base is kept as; other than f32 with lora only
  Dtype dtype = Dtype::f32;               // of the operands of linear layers' products; their sums and all else are f32
  bool recompute_activations = false;     // a layer keeps its input alone, and the backward pass computes the rest again
  double max_grad_norm = 1.0;             // 0: no clipping
  bool layerwise_updates = false;         // with method full: a layer is updated as soon as its gradient is known, which then makes room
  std::int64_t max_seq_length = 2048;
  bool packing = false;
  bool shuffle = false;
  bool bucketing = false;                 // rows of like lengths go into one batch
  std::uint64_t seed = 1;
  bool append_end_token = false;          // prompt/completion rows end with the end token
  std::string prompt_template;            // "{question} {answer}": the two members of text rows; empty: prompt and completion
  std::int64_t validation_every = 0;      // steps; 0: after the last one only
  std::optional<EarlyStopping> early_stopping;
  bool keep_best = false;                 // the output is what had the lowest validation loss, not the last step
  double spike_factor = 0;                // a loss above so many times the median of the last ones ends the run; 0: never
  std::optional<Dpo> dpo;
  std::optional<Distillation> distillation;
  std::optional<Contrastive> contrastive;
  bool merge = false;                     // with method lora: the output is the model with the adapter in its weights

  // Of a batch, how many rows one pass through the network has at most.
  std::int64_t rows_at_once() const {
    return contrastive && contrastive->micro_batch > 0 ? std::min(contrastive->micro_batch, batch_size) : batch_size;
  }

  // What the base is really kept as: all weights that are trained as f32; with products in bf16 a frozen one as what they read.
  checkpoint::BaseStorage storage() const;
};

// Unknown members, wrong types and numbers out of range are refused; the error's field is the member, "lora.r".
Result<TrainingConfig> parse_training_config(std::string_view json);

// One line with every member, defaults too, in a fixed order: what a job records, and what a checkpoint must agree with.
std::string canonical_json(const TrainingConfig& config);

}  // namespace luthier::train
