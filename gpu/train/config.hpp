// The configuration of one training run: a JSON object, parsed once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"

namespace luthier::train {

inline checkpoint::LoraConfig lora_on_all_linear_layers() {
  checkpoint::LoraConfig lora;
  lora.target_pattern = "all-linear";
  return lora;
}

struct TrainingConfig {
  enum class Method { lora, full };
  enum class Schedule { cosine, linear, constant };

  Method method = Method::lora;
  checkpoint::LoraConfig lora = lora_on_all_linear_layers();
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
  double max_grad_norm = 1.0;             // 0: no clipping
  std::int64_t max_seq_length = 2048;
  bool packing = false;
  bool shuffle = false;
  std::uint64_t seed = 1;
  bool append_end_token = false;          // prompt/completion rows end with the end token
  std::int64_t validation_every = 0;      // steps; 0: after the last one only
  bool merge = false;                     // with method lora: the output is the model with the adapter in its weights
};

// Unknown members, wrong types and numbers out of range are refused; the error's field is the member, "lora.r".
Result<TrainingConfig> parse_training_config(std::string_view json);

// One line with every member, defaults too, in a fixed order: what a job records, and what a checkpoint must agree with.
std::string canonical_json(const TrainingConfig& config);

}  // namespace luthier::train
