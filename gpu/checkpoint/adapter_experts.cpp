#include "gpu/checkpoint/adapter_experts.hpp"

#include <algorithm>

namespace luthier::checkpoint {
namespace {

// Calls copy(value of the stack, value of the expert) for all of one expert's values.
template <class Copy>
void for_each_value(const StackedAdapter& stack, const LoraModule& module, Copy copy) {
  const auto r = static_cast<std::size_t>(module.r), experts = static_cast<std::size_t>(stack.experts);
  const auto e = static_cast<std::size_t>(module.expert);
  const auto in = static_cast<std::size_t>(module.a.shape[1]), out = static_cast<std::size_t>(module.b.shape[0]);
  for (std::size_t i = 0; i < r * in; ++i) copy(stack.a[e * r * in + i], module.a.values[i]);
  for (std::size_t row = 0; row < out; ++row)
    for (std::size_t i = 0; i < r; ++i) copy(stack.b[row * r * experts + i * experts + e], module.b.values[row * r + i]);
}

}  // namespace

std::string stored_module(const std::string& name, const std::string& parameter, const std::set<std::string>& parameters) {
  if (parameter.empty()) return name;
  const auto dot = parameter.rfind('.');
  const auto owner = parameter.substr(0, dot);
  const bool is_inner = parameter.substr(dot + 1) == "gate_up_proj" && parameters.contains(owner + ".down_proj");
  return is_inner ? owner + ".base_layer" : owner;
}

void take_expert(const StackedAdapter& from, const LoraModule& into) {
  for_each_value(from, into, [](float stacked, float& own) { own = stacked; });
}

void put_expert(const LoraModule& from, const StackedAdapter& into) {
  for_each_value(into, from, [](float& stacked, float own) { stacked = own; });
}

}  // namespace luthier::checkpoint
