#include "gpu/model/lora_layout.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <string>

#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/model/layout.hpp"

namespace luthier::model {
namespace {

using Modules = std::map<std::string, std::size_t>;

struct Placing {
  std::span<const checkpoint::LoraModule> modules;
  Modules not_placed;
  Layout layout, norms{};
};

// Puts A matrices of a group one after the other, without a gap, and its B matrices after them.
LoraGroup place_group(Placing& placing, const std::vector<checkpoint::LinearLayer>& layers) {
  LoraGroup group;
  std::int64_t column = 0;
  for (std::size_t part = 0; part < layers.size(); column += layers[part++].out) {
    const auto found = placing.not_placed.find(layers[part].name);
    if (found == placing.not_placed.end()) continue;
    const auto& module = placing.modules[found->second];
    group.members.push_back({found->second, part, column, layers[part].out, group.rank, module.r, module.scale, 0});
    group.rank += module.r;
    group.decomposed = !module.magnitude.shape.empty();  // all of an adapter's modules, or none
    placing.not_placed.erase(found);
  }
  if (group.rank == 0) return group;
  group.out = column;
  group.a_offset = placing.layout.add(static_cast<std::size_t>(group.rank * layers.front().in));
  for (LoraMember& member : group.members)
    member.b_offset = placing.layout.add(static_cast<std::size_t>(layers[member.part].out * member.r));
  if (!group.decomposed) return group;
  for (LoraMember& member : group.members) member.magnitude_offset = placing.layout.add(static_cast<std::size_t>(member.out));
  group.norm_offset = placing.norms.add(static_cast<std::size_t>(2 * group.out));
  return group;
}

// One parameter of a layer's experts: each expert has a module of its own.
void place_experts(Placing& placing, const checkpoint::ExpertParameter& parameter, LayerLora& layer, LoraGroup ExpertLora::*which,
                   std::int64_t& rank_max) {
  layer.experts.resize(static_cast<std::size_t>(parameter.experts));
  for (std::int64_t e = 0; e < parameter.experts; ++e) {
    LoraGroup& group = layer.experts[static_cast<std::size_t>(e)].*which;
    group = place_group(placing, {{parameter.expert_name(e), parameter.in, parameter.out}});
    assert(!group.decomposed);  // refused with the adapter's configuration, as by PEFT
    rank_max = std::max(rank_max, group.rank);
  }
}

}  // namespace

void LoraLayout::for_each_group(const std::function<void(const LoraGroup&)>& visit) const {
  for (const LayerLora& layer : layers) {
    for (const LoraGroup& group : layer.sites) visit(group);
    visit(layer.router);
    for (const ExpertLora& expert : layer.experts) {
      visit(expert.gate_up);
      visit(expert.down);
    }
  }
  visit(head);
}

std::int64_t LoraLayout::rank_max() const {
  std::int64_t largest = 0;
  for_each_group([&](const LoraGroup& group) { largest = std::max(largest, group.rank); });
  return largest;
}

Result<LoraLayout> lay_out_lora(const checkpoint::Decoder& decoder, std::span<const checkpoint::LoraModule> modules) {
  Placing placing{modules, {}, {}, {}};
  for (std::size_t m = 0; m < modules.size(); ++m) placing.not_placed[modules[m].name] = m;
  LoraLayout lora;
  lora.layers.resize(static_cast<std::size_t>(decoder.num_layers));
  const auto parameters = checkpoint::expert_parameters(decoder);
  auto parameter = parameters.begin();
  for (std::size_t l = 0; l < lora.layers.size(); ++l) {
    const auto tensors = checkpoint::layer_tensors(decoder, static_cast<std::int64_t>(l));
    const std::vector<checkpoint::LinearLayer>* sites[sites_count] = {&tensors.qkv, &tensors.output, &tensors.gate_up, &tensors.down};
    for (std::size_t s = 0; s < sites_count; ++s) lora.layers[l].sites[s] = place_group(placing, *sites[s]);
    lora.layers[l].router = place_group(placing, tensors.router);
    if (decoder.layers[l].num_experts == 0) continue;
    place_experts(placing, *parameter++, lora.layers[l], &ExpertLora::gate_up, lora.layers[l].gate_up_rank_max);
    place_experts(placing, *parameter++, lora.layers[l], &ExpertLora::down, lora.layers[l].down_rank_max);
  }
  if (decoder.has_head) lora.head = place_group(placing, {{"lm_head", decoder.hidden_size, decoder.vocab_size}});
  if (!placing.not_placed.empty())
    return invalid("this network has no linear layer " + placing.not_placed.begin()->first, "lora.target_modules");
  lora.floats = placing.layout.floats();
  lora.norm_floats = placing.norms.floats();
  return lora;
}

}  // namespace luthier::model
