// AdamW over everything that a run trains: its moments, their place in memory and in a checkpoint, and each parameter's rate.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/kernels/adamw.hpp"
#include "gpu/model/trainable.hpp"
#include "gpu/train/config.hpp"

namespace luthier::train {

class Optimizer {
 public:
  // `parameters` must outlive it; their gradients are read at each step.
  static Result<Optimizer> make(const std::vector<model::Parameter>& parameters, const TrainingConfig& config);

  // What make() allocates for so many trained values.
  static std::size_t bytes(std::int64_t values, const TrainingConfig& config);

  // `step` from 1; `rate` of that step, which lora.loraplus_lr_ratio multiplies for the B matrices. The gradients are clipped.
  void update(std::int64_t step, double rate, double gradient_norm);
  // Of the parameters of one layer, or outside of them (-1), alone. The gradients are not clipped.
  void update_layer(std::int64_t step, double rate, std::int64_t layer);

  // What a checkpoint keeps: "moment1/NAME" and "moment2/NAME"; with bf16 states "moments_bf16/NAME", whose 32 bits are both.
  struct State {
    std::string name;
    std::vector<std::int64_t> shape;
    std::span<float> values;
  };
  std::vector<State> states() const;

 private:
  struct Part {
    const model::Parameter* parameter;
    std::size_t first;   // of its moments, in either array
    double rate_factor;  // of LoRA+
  };
  void update(const Part& part, double rate, kernels::AdamwStep step);
  float* moments(const Part& part, std::size_t array) const { return memory_.get() + array * stride_ + part.first; }

  TrainingConfig config_;
  std::vector<Part> parts_;
  std::shared_ptr<float[]> memory_;  // one arena: all first moments, then all second ones; with bf16 states one array of pairs
  std::size_t stride_ = 0;
};

}  // namespace luthier::train
