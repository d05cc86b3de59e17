// What sets the config.json of one family apart from the next: which values the members that it leaves out have, as in
// transformers' configuration classes, and what only this family has.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "gpu/checkpoint/decoder.hpp"
#include "gpu/checkpoint/json_file.hpp"

namespace luthier::checkpoint {

struct HubFamily {
  std::string_view model_type;
  std::array<std::string_view, 4> architectures;  // the first one is meant where none is said; "" fills up
  void (*read)(Members& config, Decoder& decoder);  // sees sizes that are in their bounds, and layers that are all alike

  std::int64_t kv_heads = 0;  // 0: as many as there are heads, which is what null means everywhere
  std::int64_t head_dim = 0;  // 0: hidden / heads
  std::int64_t max_position_embeddings = 2048;
  std::string_view eps_member = "rms_norm_eps";
  double eps = 1e-6;
  bool tied = false;
  std::string_view activation_member = "hidden_act", activation = "silu";
  std::int64_t bos = -1, eos = -1, pad = -1;
  bool has_rope = true;
  double rope_theta = 10000.0;
  std::string_view rope_scaling = "";  // JSON
  bool sizes_differ = false;           // from layer to layer: `read` finds them, config.json has none for all
};

// Refuses what we cannot be, with the reason and with what comes near it.
Result<const HubFamily*> find_hub_family(const nlohmann::json& config, const std::string& name);

// One for each group of families, hub_NAME.cpp.
void read_llama(Members& config, Decoder& decoder);
void read_mistral(Members& config, Decoder& decoder);
void read_qwen2(Members& config, Decoder& decoder);
void read_qwen3(Members& config, Decoder& decoder);
void read_qwen3_moe(Members& config, Decoder& decoder);
void read_smollm3(Members& config, Decoder& decoder);
void read_phi3(Members& config, Decoder& decoder);
void read_gemma(Members& config, Decoder& decoder);
void read_gemma2(Members& config, Decoder& decoder);
void read_gemma3(Members& config, Decoder& decoder);
void read_gpt_oss(Members& config, Decoder& decoder);
void read_nemotron_nas(Members& config, Decoder& decoder);
void read_llama_bidirectional(Members& config, Decoder& decoder);
void read_bert(Members& config, Decoder& decoder);
void read_roberta(Members& config, Decoder& decoder);

// sliding_window: 0 where it is null, `otherwise` where it is left out.
std::int64_t read_window(Members& config, std::int64_t otherwise);
// Gives layers that slide this window: those that layer_types says, or without it those for which `slides` is true, which is
// asked with `number`.
using Slides = bool(const Decoder&, std::int64_t layer, std::int64_t number);
void slide_layers(Members& config, Decoder& decoder, std::int64_t window, Slides* slides, std::int64_t number = 0);

}  // namespace luthier::checkpoint
