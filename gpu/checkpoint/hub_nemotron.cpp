// Llama Nemotron. DeciLM is a Llama of which a search has taken parts away, each layer on its own:
// https://huggingface.co/nvidia/Llama-3_3-Nemotron-Super-49B-v1. The embedding models are Llamas that look both ways.
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

bool is_said(const nlohmann::json& value) { return !value.is_null() && value != false; }

void refuse_parts(Members& part, std::initializer_list<const char*> members) {
  for (const auto* member : members)
    if (const auto* value = part.find(member); value && is_said(*value)) part.refuse(member, "is not supported");
}

void read_attention(Members& part, Decoder& d, LayerShape& layer) {
  refuse_parts(part, {"replace_with_linear", "window_length", "num_sink_tokens", "unshifted_sink", "sparsify"});
  layer.num_heads = layer.num_kv_heads = 0;
  if (part.boolean("no_op", false)) return;
  const auto group = part.integer("n_heads_in_group", 1, heads_max);
  if (group > d.num_heads || d.num_heads % group != 0)
    return part.refuse("n_heads_in_group", std::to_string(group) + " does not divide num_attention_heads " + std::to_string(d.num_heads));
  layer.num_heads = d.num_heads;
  layer.num_kv_heads = d.num_heads / group;
}

void read_feed_forward(Members& part, Decoder& d, LayerShape& layer) {
  refuse_parts(part, {"replace_with_linear", "sparsify"});
  layer.intermediate_size = 0;
  if (part.boolean("no_op", false)) return;
  const double mult = part.number("ffn_mult", 0, 1e4);
  const auto width = static_cast<std::int64_t>(2 * mult * static_cast<double>(d.hidden_size) / 3);
  layer.intermediate_size = (width + 255) / 256 * 256;
  if (layer.intermediate_size < 1 || layer.intermediate_size > intermediate_size_max)
    part.refuse("ffn_mult", "gives a width of " + std::to_string(layer.intermediate_size) + ", which is not between 1 and " +
                                std::to_string(intermediate_size_max));
}

}  // namespace

void read_nemotron_nas(Members& config, Decoder& d) {
  read_llama(config, d);
  const auto* blocks = config.find("block_configs");
  if (!blocks || !blocks->is_array() || blocks->size() != d.layers.size())
    return config.refuse("block_configs", "is not a list of " + std::to_string(d.num_layers) + " objects, one for each layer");
  d.num_kv_heads = d.intermediate_size = 0;
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    const auto key = "block_configs[" + std::to_string(i) + "]";
    for (const auto* name : {"attention", "ffn"}) {
      const auto found = (*blocks)[i].is_object() ? (*blocks)[i].find(name) : (*blocks)[i].end();
      if (found == (*blocks)[i].end() || !found->is_object()) return config.refuse(key, std::string(name) + ": is not an object");
      Members part(*found, name);
      if (std::string_view(name) == "ffn") read_feed_forward(part, d, d.layers[i]);
      else read_attention(part, d, d.layers[i]);
      if (!part.ok()) return config.refuse(key, part.error().message);
    }
    d.num_kv_heads = std::max(d.num_kv_heads, d.layers[i].num_kv_heads);
    d.intermediate_size = std::max(d.intermediate_size, d.layers[i].intermediate_size);
  }
  if (d.num_kv_heads == 0 || d.intermediate_size == 0)
    config.refuse("block_configs", "has no layer with attention, or none with a feed-forward part");
}

void read_llama_bidirectional(Members& config, Decoder& d) {
  read_llama(config, d);
  d.attend = Attend::all;
  const auto pooling = config.text("pooling", "avg");
  if (pooling == "avg" || pooling == "mean") d.pooling = Pooling::mean;
  else if (pooling == "cls") d.pooling = Pooling::cls;
  else if (pooling == "last") d.pooling = Pooling::last;
  else config.refuse("pooling", printable(pooling) + " is not supported; avg, cls and last are");
  // What these models were trained with; config_sentence_transformers.json may say otherwise.
  d.query_prefix = "query: ";
  d.passage_prefix = "passage: ";
}

}  // namespace luthier::checkpoint
