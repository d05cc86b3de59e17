#include "gpu/checkpoint/limits.hpp"

#include <algorithm>

namespace luthier::checkpoint {
namespace {

constexpr std::int64_t tensors_of_expert = 3, tensors_of_layer = 24;

std::optional<Misfit> find_layer_misfit(const Decoder& d) {
  std::int64_t tensors = 0;
  for (const auto& layer : d.layers) {
    if (layer.num_experts > 0 && d.experts.per_token > layer.num_experts)
      return Misfit{"num_experts_per_tok",
                    std::to_string(d.experts.per_token) + " is more than the " + std::to_string(layer.num_experts) + " experts"};
    // In numbers that cannot overflow: each factor is in its bounds.
    const auto experts = static_cast<double>(std::max<std::int64_t>(layer.num_experts, 1));
    const double values = experts * static_cast<double>(layer.intermediate_size) * static_cast<double>(d.hidden_size);
    if (values > static_cast<double>(layer_values_max))
      return Misfit{"intermediate_size", "gives one layer more weights than any model has"};
    tensors += tensors_of_layer + (d.experts.stacked ? 0 : layer.num_experts * tensors_of_expert);
    if (tensors > tensors_max)
      return Misfit{"num_hidden_layers", "and the number of experts give more than " + std::to_string(tensors_max) + " tensors"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Misfit> find_misfit(const Decoder& d) {
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  if (d.hidden_size % d.num_heads != 0)
    return Misfit{"num_attention_heads", number(d.num_heads) + " heads do not divide hidden_size " + number(d.hidden_size)};
  if (d.num_kv_heads > d.num_heads || d.num_heads % d.num_kv_heads != 0)
    return Misfit{"num_key_value_heads", number(d.num_kv_heads) + " does not divide num_attention_heads " + number(d.num_heads)};
  if (d.head_dim < 2 || d.head_dim % 2 != 0)
    return Misfit{"head_dim", number(d.head_dim) + " is not even, so its dimensions cannot be rotated in pairs"};
  if (auto misfit = find_layer_misfit(d)) return misfit;
  const auto in_vocabulary = [&](std::int64_t id) { return id >= -1 && id < d.vocab_size; };
  const auto outside = [&](std::int64_t id) { return number(id) + " is not between 0 and " + number(d.vocab_size - 1); };
  if (!in_vocabulary(d.bos_token_id)) return Misfit{"bos_token_id", outside(d.bos_token_id)};
  if (!in_vocabulary(d.pad_token_id)) return Misfit{"pad_token_id", outside(d.pad_token_id)};
  for (const auto id : d.eos_token_ids)
    if (id < 0 || !in_vocabulary(id)) return Misfit{"eos_token_id", outside(id)};
  return std::nullopt;
}

}  // namespace luthier::checkpoint
