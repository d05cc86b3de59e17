#include "gpu/model/network.hpp"

#include <algorithm>
#include <string>

#include "gpu/kernels/bfloat16.hpp"

namespace luthier::model {
namespace {

// Looks tensors up by name and remembers the first that is missing, so that the code below can be a plain list.
class Finder {
 public:
  explicit Finder(const Binding& binding) : binding_(binding) {}

  const float* value(const std::string& name) {
    const checkpoint::Tensor* tensor = binding_.weights->find(name);
    if (!tensor && missing_.empty()) missing_ = name;
    return tensor ? tensor->values.data() : nullptr;
  }

  float* gradient(const std::string& name) {
    if (!binding_.gradients) return nullptr;
    const checkpoint::Tensor* tensor = binding_.gradients->find(name);
    if (!tensor && missing_.empty()) missing_ = name;
    return tensor ? tensor->values.data() : nullptr;
  }

  Norm norm(const std::string& name) { return {value(name), gradient(name)}; }
  const std::string& missing() const { return missing_; }

 private:
  const Binding& binding_;
  std::string missing_;
};

void bind_adapter(const Binding& binding, const LoraGroup& group, Projection& projection) {
  if (group.rank == 0) return;
  projection.rank = group.rank;
  projection.a = binding.lora_values + group.a_offset;
  projection.a_gradient = binding.lora_gradients ? binding.lora_gradients + group.a_offset : nullptr;
  for (const LoraMember& member : group.members)
    projection.low_rank.push_back({static_cast<std::int64_t>(member.part), member.first, member.r, member.scale,
                                   binding.lora_values + member.b_offset,
                                   binding.lora_gradients ? binding.lora_gradients + member.b_offset : nullptr});
}

Projection bind_site(Finder& find, const SiteShape& shape, const std::string& layer) {
  Projection projection;
  projection.in = shape.in;
  for (std::size_t part = 0; part < shape.names.size(); ++part) {
    const std::string name = layer + shape.names[part];
    LinearPart linear{.out = shape.outs[part], .first = projection.out};
    linear.weight = find.value(name + ".weight");
    linear.weight_gradient = find.gradient(name + ".weight");
    if (shape.bias) {
      linear.bias = find.value(name + ".bias");
      linear.bias_gradient = find.gradient(name + ".bias");
    }
    projection.out += linear.out;
    projection.parts.push_back(linear);
  }
  return projection;
}

Layer bind_layer(Finder& find, const checkpoint::Decoder& decoder, const Binding& binding, std::size_t index) {
  const std::string name = "model.layers." + std::to_string(index) + ".";
  Layer layer;
  layer.input_norm = find.norm(name + "input_layernorm.weight");
  layer.post_norm = find.norm(name + "post_attention_layernorm.weight");
  for (std::size_t s = 0; s < sites_count; ++s) {
    layer.projections[s] = bind_site(find, site_shape(decoder, static_cast<Site>(s)), name);
    if (binding.lora) bind_adapter(binding, binding.lora->layers[index][s], layer.projections[s]);
  }
  return layer;
}

Projection bind_head(Finder& find, const checkpoint::Decoder& decoder, const Binding& binding) {
  const std::string name = decoder.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  Projection head;
  head.in = decoder.hidden_size;
  head.out = decoder.vocab_size;
  head.parts.push_back({.out = decoder.vocab_size, .weight = find.value(name), .weight_gradient = find.gradient(name)});
  if (binding.lora) bind_adapter(binding, binding.lora->head, head);
  return head;
}

}  // namespace

bool Layer::trains() const {
  return input_norm.gradient || post_norm.gradient ||
         std::any_of(projections.begin(), projections.end(), [](const Projection& p) { return p.trains(); });
}

std::size_t Network::first_trained_layer() const {
  if (embedding_gradient) return 0;
  const auto first = std::find_if(layers.begin(), layers.end(), [](const Layer& layer) { return layer.trains(); });
  return static_cast<std::size_t>(first - layers.begin());
}

void round_inputs(Network& network) {
  for (Layer& layer : network.layers)
    for (Projection& projection : layer.projections) projection.bfloat16_inputs = true;
  network.head.bfloat16_inputs = true;
}

void round_weights(const checkpoint::Weights& weights) {
  for (const auto& [name, tensor] : weights.tensors())
    if (tensor.shape.size() > 1)
      kernels::round_to_bfloat16(static_cast<std::int64_t>(tensor.values.size()), tensor.values.data(), tensor.values.data());
}

Result<Network> bind(const checkpoint::Decoder& decoder, const Binding& binding) {
  Finder find(binding);
  Network network;
  network.decoder = decoder;
  network.embedding = find.value("model.embed_tokens.weight");
  network.embedding_gradient = find.gradient("model.embed_tokens.weight");
  for (std::size_t l = 0; l < static_cast<std::size_t>(decoder.num_layers); ++l)
    network.layers.push_back(bind_layer(find, decoder, binding, l));
  network.final_norm = find.norm("model.norm.weight");
  network.head = bind_head(find, decoder, binding);
  if (!find.missing().empty())
    return Error{ErrorCode::corrupt, "the checkpoint has no tensor " + find.missing(), find.missing()};
  return network;
}

}  // namespace luthier::model
