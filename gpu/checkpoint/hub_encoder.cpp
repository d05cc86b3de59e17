// BERT and RoBERTa: https://huggingface.co/docs/transformers/model_doc/bert
#include <nlohmann/json.hpp>

#include "gpu/checkpoint/hub_family.hpp"
#include "gpu/checkpoint/limits.hpp"
#include "gpu/checkpoint/printable.hpp"

namespace luthier::checkpoint {
namespace {

constexpr std::int64_t learned_positions_max = 1 << 24;  // each is a row of weights

}  // namespace

void read_bert(Members& config, Decoder& d) {
  const auto positions = config.text("position_embedding_type", "absolute");
  if (positions != "absolute") config.refuse("position_embedding_type", printable(positions) + " is not supported; absolute is");
  for (const auto* member : {"is_decoder", "add_cross_attention"})
    if (config.boolean(member, false)) config.refuse(member, "is not supported; it must be false");
  d.norm = NormKind::layer;
  d.norm_place = NormPlace::after;
  d.qkv_bias = d.output_bias = d.mlp_bias = true;
  d.gated = false;
  d.attend = Attend::all;
  d.pooling = Pooling::mean;
  d.learned_positions = true;
  d.token_types = config.integer("type_vocab_size", 0, 1 << 16, 2);
  config.integer("max_position_embeddings", 1, learned_positions_max, 1);
  for (auto& layer : d.layers) layer.positions = Positions::none;
}

// Positions start behind the padding token's number: the table's first rows are not used.
void read_roberta(Members& config, Decoder& d) {
  read_bert(config, d);
  d.position_offset = config.integer("pad_token_id", 0, d.vocab_size - 1, 1) + 1;
  if (d.position_offset >= d.max_position_embeddings)
    config.refuse("max_position_embeddings", "leaves no position behind pad_token_id");
}

}  // namespace luthier::checkpoint
