#include "gpu/checkpoint/gguf_names.hpp"

#include <array>
#include <string_view>

namespace luthier::checkpoint {
namespace {

struct Naming {
  std::string_view hugging_face, gguf;
};
constexpr std::array<Naming, 19> layer_names{{{"self_attn.q_proj", "attn_q"},
                                              {"self_attn.k_proj", "attn_k"},
                                              {"self_attn.v_proj", "attn_v"},
                                              {"self_attn.o_proj", "attn_output"},
                                              {"self_attn.q_norm", "attn_q_norm"},
                                              {"self_attn.k_norm", "attn_k_norm"},
                                              {"self_attn.qkv_proj", "attn_qkv"},
                                              {"mlp.gate_proj", "ffn_gate"},
                                              {"mlp.gate_up_proj", "ffn_up"},
                                              {"mlp.up_proj", "ffn_up"},
                                              {"mlp.down_proj", "ffn_down"},
                                              {"mlp.gate", "ffn_gate_inp"},
                                              {"mlp.router", "ffn_gate_inp"},
                                              {"mlp.experts.gate_proj", "ffn_gate_exps"},
                                              {"mlp.experts.up_proj", "ffn_up_exps"},
                                              {"mlp.experts.down_proj", "ffn_down_exps"},
                                              {"input_layernorm", "attn_norm"},
                                              {"pre_feedforward_layernorm", "ffn_norm"},
                                              {"post_feedforward_layernorm", "post_ffw_norm"}}};
constexpr std::array<Naming, 3> top_names{{{"model.embed_tokens.weight", "token_embd.weight"},
                                           {"model.norm.weight", "output_norm.weight"},
                                           {"lm_head.weight", "output.weight"}}};

// Takes the number out of "mlp.experts.3.up_proj"; -1 where there is none.
std::int64_t take_expert_number(std::string& module) {
  constexpr std::string_view prefix = "mlp.experts.";
  if (!module.starts_with(prefix)) return -1;
  const auto dot = module.find('.', prefix.size());
  const auto number = std::stoll(module.substr(prefix.size(), dot - prefix.size()));
  module.erase(prefix.size(), dot + 1 - prefix.size());
  return number;
}

std::string_view layer_name(const Decoder& decoder, std::string_view module) {
  if (module == "post_attention_layernorm")
    return decoder.norm_place == NormPlace::around || decoder.experts.stacked ? "post_attention_norm" : "ffn_norm";
  for (const auto& [ours, theirs] : layer_names)
    if (module == ours) return theirs;
  return {};  // not reached: the families that GGUF is read for have no other tensors
}

// "gate_up_proj", "down_proj_bias": of all experts of a layer.
GgufName stacked_tensor(const std::string& block, std::string_view part) {
  const std::string end = part.ends_with("_bias") ? "_exps.bias" : "_exps.weight";
  GgufName found{block + (part.starts_with("gate_up") ? "ffn_gate" : "ffn_down") + end};
  found.is_stacked = true;
  if (part.starts_with("gate_up")) found.up = block + "ffn_up" + end;
  return found;
}

}  // namespace

GgufName gguf_tensor(const Decoder& decoder, const std::string& name) {
  for (const auto& [ours, theirs] : top_names)
    if (name == ours) return {std::string(theirs)};
  constexpr std::string_view prefix = "model.layers.";
  const auto dot = name.find('.', prefix.size()), last = name.rfind('.');
  const auto layer = name.substr(prefix.size(), dot - prefix.size());
  auto module = name.substr(dot + 1, last - dot - 1);
  if (module == "mlp.experts") return stacked_tensor("blk." + layer + ".", std::string_view(name).substr(last + 1));
  if (name.ends_with(".self_attn.sinks")) return {"blk." + layer + ".attn_sinks.weight"};
  const auto expert = take_expert_number(module);
  GgufName found{"blk." + layer + "." + std::string(layer_name(decoder, module)) + name.substr(last)};
  if (expert < 0) return found;
  found.expert = expert;
  found.experts = decoder.layers[static_cast<std::size_t>(std::stoll(layer))].num_experts;
  return found;
}

}  // namespace luthier::checkpoint
