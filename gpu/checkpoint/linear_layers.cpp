#include "gpu/checkpoint/linear_layers.hpp"

namespace luthier::checkpoint {

std::vector<LinearLayer> linear_layers(const Decoder& d) {
  std::vector<LinearLayer> layers;
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    const auto tensors = layer_tensors(d, i);
    for (const auto* group : {&tensors.qkv, &tensors.output, &tensors.gate_up, &tensors.down})
      layers.insert(layers.end(), group->begin(), group->end());
  }
  if (d.has_head) layers.push_back({"lm_head", d.hidden_size, d.vocab_size});
  return layers;
}

std::string ExpertParameter::expert_name(std::int64_t expert) const {
  const auto dot = name.rfind('.');
  return name.substr(0, dot + 1) + std::to_string(expert) + name.substr(dot);
}

std::vector<ExpertParameter> expert_parameters(const Decoder& d) {
  std::vector<ExpertParameter> parameters;
  for (std::int64_t i = 0; i < d.num_layers; ++i) {
    const auto& layer = d.layers[static_cast<std::size_t>(i)];
    if (layer.num_experts == 0) continue;
    const auto prefix = d.tensor_prefix + "layers." + std::to_string(i) + ".mlp.experts.";
    parameters.push_back({prefix + "gate_up_proj", layer.num_experts, d.hidden_size, 2 * layer.intermediate_size});
    parameters.push_back({prefix + "down_proj", layer.num_experts, layer.intermediate_size, d.hidden_size});
  }
  return parameters;
}

std::vector<LinearLayer> routers(const Decoder& d) {
  std::vector<LinearLayer> found;
  for (std::int64_t i = 0; i < d.num_layers; ++i)
    for (auto& router : layer_tensors(d, i).router) found.push_back(std::move(router));
  return found;
}

}  // namespace luthier::checkpoint
