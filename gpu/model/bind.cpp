#include <string>

#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/model/network.hpp"

namespace luthier::model {
namespace {

using checkpoint::Decoder;
using checkpoint::LayerTensors;
using checkpoint::LinearLayer;

// Looks tensors up by name and remembers the first that is missing, so that the code below can be a plain list. Without a name
// there is no tensor.
class Finder {
 public:
  explicit Finder(const Binding& binding) : binding_(binding) {}

  // nullptr too where the tensor is kept in fewer bits.
  const float* value(const std::string& name) { return find(binding_.weights, name); }
  checkpoint::StoredMatrix stored(const std::string& name) { return stored(*binding_.weights, name); }
  // What products read in its place: that, or its bf16 copy.
  checkpoint::StoredMatrix of_products(const std::string& name) {
    const auto kept = stored(name);
    return kept || !binding_.rounded ? kept : stored(*binding_.rounded, name);
  }
  float* gradient(const std::string& name) { return binding_.gradients ? find(binding_.gradients, name) : nullptr; }
  const std::string& missing() const { return missing_; }

 private:
  static checkpoint::StoredMatrix stored(const checkpoint::Weights& weights, const std::string& name) {
    const checkpoint::Tensor* tensor = name.empty() ? nullptr : weights.find(name);
    return tensor ? tensor->stored : checkpoint::StoredMatrix{};
  }

  float* find(const checkpoint::Weights* weights, const std::string& name) {
    if (name.empty()) return nullptr;
    const checkpoint::Tensor* tensor = weights->find(name);
    if (!tensor && missing_.empty()) missing_ = name;
    return tensor ? tensor->values.data() : nullptr;
  }

  const Binding& binding_;
  std::string missing_;
};

Norm bind_norm(Finder& find, const Decoder& d, const std::string& name, std::int64_t width) {
  Norm norm{.kind = d.norm, .epsilon = static_cast<float>(d.rms_norm_eps), .width = width, .weight = find.value(name),
            .gradient = find.gradient(name)};
  if (name.empty() || d.norm != checkpoint::NormKind::layer) return norm;
  const std::string bias = name.substr(0, name.size() - std::string_view("weight").size()) + "bias";
  norm.bias = find.value(bias);
  norm.bias_gradient = find.gradient(bias);
  return norm;
}

Projection bind_linears(Finder& find, const std::vector<LinearLayer>& layers) {
  Projection projection;
  for (const auto& [name, in, out, bias] : layers) {
    LinearPart part{.out = out, .first = projection.out};
    part.weight = find.value(name + ".weight");
    part.stored = find.of_products(name + ".weight");
    part.weight_gradient = find.gradient(name + ".weight");
    if (bias) {
      part.bias = find.value(name + ".bias");
      part.bias_gradient = find.gradient(name + ".bias");
    }
    projection.in = in;
    projection.out += out;
    projection.parts.push_back(part);
  }
  return projection;
}

void bind_adapter(const Binding& binding, const LoraGroup& group, Projection& projection) {
  if (group.rank == 0) return;
  projection.rank = group.rank;
  projection.a = binding.lora_values + group.a_offset;
  projection.a_gradient = binding.lora_gradients ? binding.lora_gradients + group.a_offset : nullptr;
  for (const LoraMember& member : group.members) {
    LowRankPart low{.part = static_cast<std::int64_t>(member.part), .first_column = member.first_column, .out = member.out,
                    .first = member.first, .r = member.r, .scale = member.scale};
    low.b = binding.lora_values + member.b_offset;
    low.b_gradient = binding.lora_gradients ? binding.lora_gradients + member.b_offset : nullptr;
    if (group.decomposed) {
      low.magnitude = binding.lora_values + member.magnitude_offset;
      low.magnitude_gradient = binding.lora_gradients ? binding.lora_gradients + member.magnitude_offset : nullptr;
    }
    projection.low_rank.push_back(low);
  }
  if (!group.decomposed) return;
  projection.gain = binding.lora_norms + group.norm_offset;
  projection.norm = projection.gain + group.out;
}

// One matrix of a tensor that holds those of all experts, [experts, in, out], but [experts, out, in] where a file's blocks are kept.
Projection bind_stacked(Finder& find, const std::string& name, std::int64_t expert, std::int64_t in, std::int64_t out, bool bias) {
  const auto at = [](auto* first, std::int64_t offset) { return first ? first + offset : nullptr; };
  LinearPart part{.out = out};
  part.weight = at(find.value(name), expert * in * out);
  part.stored = find.of_products(name).from(expert * in * out);
  part.weight_gradient = at(find.gradient(name), expert * in * out);
  if (bias) {
    part.bias = at(find.value(name + "_bias"), expert * out);
    part.bias_gradient = at(find.gradient(name + "_bias"), expert * out);
  }
  return {.in = in, .out = out, .turned = !checkpoint::is_copied(part.stored.kind), .parts = {part}};
}

Attention bind_attention(Finder& find, const Decoder& d, const LayerTensors& t) {
  return {.qkv = bind_linears(find, t.qkv),
          .output = bind_linears(find, t.output),
          .query_norm = bind_norm(find, d, t.query_norm, d.head_dim),
          .key_norm = bind_norm(find, d, t.key_norm, d.head_dim),
          .sinks = find.value(t.sinks),
          .sinks_gradient = find.gradient(t.sinks)};
}

Mixture bind_mixture(Finder& find, const Decoder& d, const Binding& binding, const BlockShape& shape, const LayerTensors& t) {
  Mixture mixture{.router = bind_linears(find, t.router), .experts = {}};
  for (std::int64_t e = 0; e < shape.router.experts; ++e) {
    Expert expert;
    if (d.experts.stacked) {
      expert.gate_up = bind_stacked(find, t.stacked_gate_up, e, d.hidden_size, shape.gate_up(), d.experts.biases);
      expert.down = bind_stacked(find, t.stacked_down, e, shape.width, d.hidden_size, d.experts.biases);
    } else {
      expert.gate_up = bind_linears(find, t.expert_gate_up[static_cast<std::size_t>(e)]);
      expert.down = bind_linears(find, t.expert_down[static_cast<std::size_t>(e)]);
    }
    expert.down_bias_gradient = expert.down.parts.front().bias_gradient;
    expert.down.parts.front().bias_gradient = nullptr;
    mixture.experts.push_back(std::move(expert));
  }
  if (!binding.lora) return mixture;
  const LayerLora& lora = binding.lora->layers[shape.layer];
  bind_adapter(binding, lora.router, mixture.router);
  for (std::size_t e = 0; e < lora.experts.size(); ++e) {
    bind_adapter(binding, lora.experts[e].gate_up, mixture.experts[e].gate_up);
    bind_adapter(binding, lora.experts[e].down, mixture.experts[e].down);
  }
  return mixture;
}

Block bind_block(Finder& find, const Decoder& d, const Binding& binding, const BlockShape& shape) {
  const LayerTensors t = checkpoint::layer_tensors(d, static_cast<std::int64_t>(shape.layer));
  const bool attention = shape.part == Part::attention;
  const std::string& own = attention ? t.attention_norm : t.mlp_norm;
  const std::string& output = attention ? t.attention_output_norm : t.mlp_output_norm;
  Block block{.shape = shape, .input_norm = {}, .output_norm = {}, .part = {}};
  if (!shape.norm_of_sum) block.input_norm = bind_norm(find, d, own, d.hidden_size);
  if (shape.output_norm) block.output_norm = bind_norm(find, d, shape.norm_of_sum ? own : output, d.hidden_size);
  const auto adapt = [&](Site site, Projection& projection) {
    if (binding.lora) bind_adapter(binding, binding.lora->at(shape.layer, site), projection);
  };
  switch (shape.part) {
    case Part::attention: {
      Attention part = bind_attention(find, d, t);
      adapt(Site::qkv, part.qkv);
      adapt(Site::o, part.output);
      block.part = std::move(part);
      break;
    }
    case Part::feed_forward: {
      FeedForward part{.gate_up = bind_linears(find, t.gate_up), .down = bind_linears(find, t.down)};
      adapt(Site::gate_up, part.gate_up);
      adapt(Site::down, part.down);
      block.part = std::move(part);
      break;
    }
    case Part::mixture: block.part = bind_mixture(find, d, binding, shape, t); break;
  }
  return block;
}

Inputs bind_inputs(Finder& find, const Decoder& d, const checkpoint::OuterTensors& t) {
  return {.tokens = find.value(t.embedding),
          .positions = find.value(t.positions),
          .type = find.value(t.types),
          .tokens_gradient = find.gradient(t.embedding),
          .positions_gradient = find.gradient(t.positions),
          .type_gradient = find.gradient(t.types),
          .stored_tokens = find.stored(t.embedding),
          .scale = static_cast<float>(d.embedding_scale),
          .norm = bind_norm(find, d, t.embedding_norm, d.hidden_size)};
}

Projection bind_head(Finder& find, const Decoder& d, const Binding& binding, const std::string& name) {
  Projection head{.in = d.hidden_size, .out = d.vocab_size};
  head.parts.push_back({.out = d.vocab_size, .weight = find.value(name), .stored = find.of_products(name), .weight_gradient = find.gradient(name)});
  if (binding.lora) bind_adapter(binding, binding.lora->head, head);
  return head;
}

}  // namespace

Result<Network> bind(const Decoder& decoder, const Binding& binding) {
  Finder find(binding);
  const auto outer = checkpoint::outer_tensors(decoder);
  Network network;
  network.decoder = decoder;
  network.inputs = bind_inputs(find, decoder, outer);
  for (const BlockShape& shape : block_shapes(decoder)) network.blocks.push_back(bind_block(find, decoder, binding, shape));
  network.final_norm = bind_norm(find, decoder, outer.final_norm, decoder.hidden_size);
  if (decoder.has_head) network.head = bind_head(find, decoder, binding, outer.head);
  if (binding.bfloat16_products) multiply_in_bfloat16(network);
  if (!find.missing().empty())
    return Error{ErrorCode::corrupt, "the checkpoint has no tensor " + find.missing(), find.missing()};
  return network;
}

}  // namespace luthier::model
