#include "gpu/model/lora_layout.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "gpu/model/layout.hpp"

namespace luthier::model {
namespace {

using Modules = std::map<std::string, std::size_t>;

struct Placing {
  std::span<const checkpoint::LoraModule> modules;
  Modules not_placed;
  Layout layout;
};

// Puts A matrices of a group one after the other, without a gap, and its B matrices after them.
LoraGroup place_group(Placing& placing, const std::vector<std::string>& names, std::int64_t in,
                      const std::vector<std::int64_t>& outs) {
  LoraGroup group;
  for (std::size_t part = 0; part < names.size(); ++part) {
    const auto found = placing.not_placed.find(names[part]);
    if (found == placing.not_placed.end()) continue;
    const auto& module = placing.modules[found->second];
    group.members.push_back({found->second, part, group.rank, module.r, module.scale, 0});
    group.rank += module.r;
    placing.not_placed.erase(found);
  }
  if (group.rank == 0) return group;
  group.a_offset = placing.layout.add(static_cast<std::size_t>(group.rank * in));
  for (LoraMember& member : group.members)
    member.b_offset = placing.layout.add(static_cast<std::size_t>(outs[member.part] * member.r));
  return group;
}

}  // namespace

bool LoraLayout::adapts(std::size_t layer) const {
  return std::any_of(layers[layer].begin(), layers[layer].end(), [](const LoraGroup& group) { return group.rank > 0; });
}

SiteShape site_shape(const checkpoint::Decoder& d, Site site) {
  const std::int64_t q = d.num_heads * d.head_dim, kv = d.num_kv_heads * d.head_dim;
  switch (site) {
    case Site::qkv:
      return {d.hidden_size, {q, kv, kv}, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, d.qkv_bias};
    case Site::o: return {q, {d.hidden_size}, {"self_attn.o_proj"}, d.output_bias};
    case Site::gate_up:
      return {d.hidden_size, {d.intermediate_size, d.intermediate_size}, {"mlp.gate_proj", "mlp.up_proj"}, d.mlp_bias};
    case Site::down: return {d.intermediate_size, {d.hidden_size}, {"mlp.down_proj"}, d.mlp_bias};
  }
  return {};
}

Result<LoraLayout> lay_out_lora(const checkpoint::Decoder& decoder, std::span<const checkpoint::LoraModule> modules) {
  Placing placing{modules, {}, {}};
  for (std::size_t m = 0; m < modules.size(); ++m) placing.not_placed[modules[m].name] = m;
  LoraLayout lora;
  lora.layers.resize(static_cast<std::size_t>(decoder.num_layers));
  for (std::size_t layer = 0; layer < lora.layers.size(); ++layer)
    for (std::size_t s = 0; s < sites_count; ++s) {
      const SiteShape shape = site_shape(decoder, static_cast<Site>(s));
      std::vector<std::string> names;
      for (const char* name : shape.names) names.push_back("model.layers." + std::to_string(layer) + "." + name);
      lora.layers[layer][s] = place_group(placing, names, shape.in, shape.outs);
    }
  lora.head = place_group(placing, {"lm_head"}, decoder.hidden_size, {decoder.vocab_size});
  if (!placing.not_placed.empty())
    return invalid("this network has no linear layer " + placing.not_placed.begin()->first, "lora.target_modules");
  lora.floats = placing.layout.floats();
  return lora;
}

}  // namespace luthier::model
