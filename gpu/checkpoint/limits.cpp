#include "gpu/checkpoint/limits.hpp"

namespace luthier::checkpoint {

std::optional<Misfit> find_misfit(const Decoder& d) {
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  if (d.hidden_size % d.num_heads != 0)
    return Misfit{"num_attention_heads", number(d.num_heads) + " heads do not divide hidden_size " + number(d.hidden_size)};
  if (d.num_kv_heads > d.num_heads || d.num_heads % d.num_kv_heads != 0)
    return Misfit{"num_key_value_heads", number(d.num_kv_heads) + " does not divide num_attention_heads " + number(d.num_heads)};
  if (d.head_dim < 2 || d.head_dim % 2 != 0)
    return Misfit{"head_dim", number(d.head_dim) + " is not even, so its dimensions cannot be rotated in pairs"};
  const auto in_vocabulary = [&](std::int64_t id) { return id >= -1 && id < d.vocab_size; };
  const auto outside = [&](std::int64_t id) { return number(id) + " is not between 0 and " + number(d.vocab_size - 1); };
  if (!in_vocabulary(d.bos_token_id)) return Misfit{"bos_token_id", outside(d.bos_token_id)};
  if (!in_vocabulary(d.pad_token_id)) return Misfit{"pad_token_id", outside(d.pad_token_id)};
  for (const auto id : d.eos_token_ids)
    if (id < 0 || !in_vocabulary(id)) return Misfit{"eos_token_id", outside(id)};
  return std::nullopt;
}

}  // namespace luthier::checkpoint
