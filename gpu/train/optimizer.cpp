#include "gpu/train/optimizer.hpp"

#include <algorithm>
#include <bit>

#include "gpu/checkpoint/memory.hpp"
#include "gpu/kernels/adamw.hpp"

namespace luthier::train {
namespace {

using States = TrainingConfig::States;

std::size_t arrays_of(const TrainingConfig& config) { return config.optimizer_states == States::bf16 ? 1 : 2; }

// PEFT's create_loraplus_optimizer has B in groups of their own, and biases with them.
bool learns_at_b_rate(const model::Parameter& parameter) {
  return parameter.name.find("lora_B") != std::string::npos || parameter.shape.size() == 1;
}

}  // namespace

std::size_t Optimizer::bytes(std::int64_t values, const TrainingConfig& config) {
  return arrays_of(config) * static_cast<std::size_t>(values) * sizeof(float);
}

Result<Optimizer> Optimizer::make(const std::vector<model::Parameter>& parameters, const TrainingConfig& config) {
  Optimizer optimizer;
  optimizer.config_ = config;
  for (const model::Parameter& p : parameters) {
    const bool faster = config.method == TrainingConfig::Method::lora && learns_at_b_rate(p);
    optimizer.parts_.push_back({&p, optimizer.stride_, faster ? config.loraplus_lr_ratio : 1});
    optimizer.stride_ += static_cast<std::size_t>(p.count);
  }
  auto memory = checkpoint::allocate_floats(arrays_of(config) * optimizer.stride_, "the optimiser's state");
  if (!memory) return memory.error();
  optimizer.memory_ = std::move(*memory);
  return optimizer;
}

void Optimizer::update(std::int64_t number, double rate, double gradient_norm) {
  const double clip = config_.max_grad_norm > 0 ? config_.max_grad_norm / (gradient_norm + 1e-6) : 1.0;
  for (const Part& part : parts_) update(part, rate, {.step = number, .gradient_scale = static_cast<float>(std::min(1.0, clip))});
}

void Optimizer::update_layer(std::int64_t number, double rate, std::int64_t layer) {
  for (const Part& part : parts_)
    if (part.parameter->layer == layer) update(part, rate, {.step = number});
}

void Optimizer::update(const Part& part, double rate, kernels::AdamwStep step) {
  const model::Parameter& p = *part.parameter;
  step.learning_rate = rate * part.rate_factor;
  step.beta1 = config_.beta1;
  step.beta2 = config_.beta2;
  step.epsilon = config_.eps;
  step.weight_decay = p.decays ? config_.weight_decay : 0;
  if (config_.optimizer_states == States::bf16)
    kernels::adamw_bf16(p.count, step, {config_.seed, part.first}, p.value, p.gradient, reinterpret_cast<std::uint32_t*>(moments(part, 0)));
  else
    kernels::adamw(p.count, step, p.value, p.gradient, moments(part, 0), moments(part, 1));
}

std::vector<Optimizer::State> Optimizer::states() const {
  std::vector<State> states;
  const auto add = [&](const char* prefix, const Part& part, std::size_t array) {
    const model::Parameter& p = *part.parameter;
    states.push_back({prefix + p.name, p.shape, {moments(part, array), static_cast<std::size_t>(p.count)}});
  };
  for (const Part& part : parts_) {
    add(config_.optimizer_states == States::bf16 ? "moments_bf16/" : "moment1/", part, 0);
    if (config_.optimizer_states == States::f32) add("moment2/", part, 1);
  }
  return states;
}

}  // namespace luthier::train
