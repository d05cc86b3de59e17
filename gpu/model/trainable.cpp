#include "gpu/model/trainable.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "gpu/checkpoint/memory.hpp"
#include "gpu/kernels/reduce.hpp"
#include "gpu/model/dora.hpp"

namespace luthier::model {
namespace {

// The parameter at `offset` of an array of values, which arrays of gradients and moments of the same layout follow.
Parameter parameter_at(std::string name, std::vector<std::int64_t> shape, float* values, std::size_t offset,
                       std::size_t floats, Keep keep) {
  Parameter p{.name = std::move(name), .shape = std::move(shape)};
  p.count = 1;
  for (const std::int64_t size : p.shape) p.count *= size;
  p.value = values + offset;
  if (keep != Keep::values) p.gradient = values + floats + offset;
  if (keep == Keep::gradients_and_moments) {
    p.moment1 = values + 2 * floats + offset;
    p.moment2 = values + 3 * floats + offset;
  }
  return p;
}

std::size_t arrays_of(Keep keep) {
  switch (keep) {
    case Keep::values: return 1;
    case Keep::gradients: return 2;
    case Keep::gradients_and_moments: return 4;
  }
  return 0;
}

// Biases of all experts are one matrix; a sink is neither a bias nor a norm's weight.
bool decays(const std::string& name, const std::vector<std::int64_t>& shape) {
  return name.ends_with("sinks") || (shape.size() > 1 && !name.ends_with("bias"));
}

void move_tensor(checkpoint::Tensor& tensor, float* to) {
  std::copy(tensor.values.begin(), tensor.values.end(), to);
  tensor.values = {to, tensor.values.size()};
}

// Where each weight belongs: its layer, -1 outside of them.
std::map<std::string, std::int64_t> layers_of(const checkpoint::Decoder& decoder) {
  std::map<std::string, std::int64_t> layers;
  for (const auto& [name, shape] : checkpoint::weight_shapes(decoder)) layers[name] = -1;
  for (std::int64_t layer = 0; layer < decoder.num_layers; ++layer)
    for (const auto& [name, shape] : checkpoint::layer_shapes(decoder, layer)) layers[name] = layer;
  return layers;
}

Result<std::shared_ptr<checkpoint::Weights>> like(const checkpoint::Decoder& decoder) {
  auto weights = checkpoint::Weights::allocate(checkpoint::weight_shapes(decoder));
  if (!weights) return weights.error();
  return std::make_shared<checkpoint::Weights>(std::move(*weights));
}

}  // namespace

std::size_t Trainable::gradient_bytes_by_layers(const checkpoint::Decoder& decoder) {
  const auto layers = layers_of(decoder);
  return checkpoint::Weights::floats_by_turns(checkpoint::weight_shapes(decoder), [&](const std::string& name) { return layers.at(name); }) * sizeof(float);
}

Result<Trainable> Trainable::full_by_layers(const checkpoint::Decoder& decoder, checkpoint::Weights& weights) {
  auto t = full(decoder, weights, Keep::values);
  if (!t) return t;
  const auto layers = layers_of(decoder);
  auto gradients = checkpoint::Weights::allocate_by_turns(checkpoint::weight_shapes(decoder), [&](const std::string& name) { return layers.at(name); });
  if (!gradients) return gradients.error();
  t->gradients_ = std::make_shared<checkpoint::Weights>(std::move(*gradients));
  t->bytes_ = t->gradients_->bytes();
  t->squares_.assign(t->parameters_.size(), 0);
  for (Parameter& p : t->parameters_) p.gradient = t->gradients_->find(p.name)->values.data();
  return t;
}

void Trainable::next_layer(std::int64_t layer) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i];
    if (p.layer != layer) continue;
    squares_[i] = kernels::sum_of_squares(p.count, p.gradient);
    std::memset(p.gradient, 0, static_cast<std::size_t>(p.count) * sizeof(float));
  }
}

Result<Trainable> Trainable::full(const checkpoint::Decoder& decoder, checkpoint::Weights& weights, Keep keep) {
  Trainable t;
  for (auto* array : {&t.gradients_, &t.moment1_, &t.moment2_}) {
    if (keep == Keep::values || (keep == Keep::gradients && array != &t.gradients_)) continue;
    auto allocated = like(decoder);
    if (!allocated) return allocated.error();
    *array = std::move(*allocated);
    t.bytes_ += (*array)->bytes();
  }
  const auto in = [](const std::shared_ptr<checkpoint::Weights>& array, const std::string& name) {
    return array ? array->find(name)->values.data() : nullptr;
  };
  const auto layers = layers_of(decoder);
  for (const auto& [name, shape] : checkpoint::weight_shapes(decoder)) {
    const checkpoint::Tensor* tensor = weights.find(name);
    if (!tensor) return Error{ErrorCode::corrupt, "the checkpoint has no tensor " + name, name};
    t.parameters_.push_back({name, shape, static_cast<std::int64_t>(tensor->values.size()), tensor->values.data(),
                             in(t.gradients_, name), in(t.moment1_, name), in(t.moment2_, name), decays(name, shape), layers.at(name)});
  }
  return t;
}

Result<Trainable> Trainable::lora(const checkpoint::Decoder& decoder, checkpoint::Adapter& adapter, Keep keep) {
  auto layout = lay_out_lora(decoder, adapter.modules);
  if (!layout) return layout.error();
  Trainable t;
  t.lora_ = std::make_shared<LoraLayout>(std::move(*layout));
  const std::size_t floats = t.lora_->floats;
  const std::size_t all = arrays_of(keep) * floats + t.lora_->norm_floats;
  auto memory = checkpoint::allocate_floats(all, "the adapter's training state");
  if (!memory) return memory.error();
  t.lora_memory_ = std::move(*memory);
  t.bytes_ = all * sizeof(float);
  float* values = t.lora_memory_.get();
  if (keep != Keep::values) t.lora_gradients_ = values + floats;
  t.lora_norms_ = values + arrays_of(keep) * floats;

  const auto add_group = [&](const LoraGroup& group) {
    for (const LoraMember& member : group.members) {
      auto& module = adapter.modules[member.module];
      const auto in = static_cast<std::size_t>(module.a.shape[1]);
      const std::size_t a = group.a_offset + static_cast<std::size_t>(member.first) * in;
      move_tensor(module.a, values + a);
      move_tensor(module.b, values + member.b_offset);
      const std::string name = "base_model.model." + module.name;
      t.parameters_.push_back(parameter_at(name + ".lora_A.weight", module.a.shape, values, a, floats, keep));
      t.parameters_.push_back(parameter_at(name + ".lora_B.weight", module.b.shape, values, member.b_offset, floats, keep));
      if (!group.decomposed) continue;
      move_tensor(module.magnitude, values + member.magnitude_offset);
      t.parameters_.push_back(
          parameter_at(name + ".lora_magnitude_vector", module.magnitude.shape, values, member.magnitude_offset, floats, keep));
    }
  };
  t.lora_->for_each_group(add_group);
  adapter.memory = t.lora_memory_;
  return t;
}

Result<Network> Trainable::bind(const checkpoint::Decoder& decoder, const checkpoint::Weights& weights, const Products& products) const {
  return model::bind(decoder, {&weights, gradients_.get(), lora_.get(), lora_memory_.get(), lora_gradients_, lora_norms_, products.bfloat16, products.rounded});
}

void Trainable::start_magnitudes(const Network& network, float* room) {
  for_each_projection(network, [&](const Projection& projection) { refresh_gains(projection, room); });
  float* const values = lora_memory_.get();
  lora_->for_each_group([&](const LoraGroup& group) {
    if (!group.decomposed) return;
    const float* norms = lora_norms_ + group.norm_offset + group.out;
    for (const LoraMember& member : group.members)
      std::copy_n(norms + member.first_column, member.out, values + member.magnitude_offset);
  });
}

checkpoint::Adapter Trainable::gradients_of(const checkpoint::Adapter& adapter) const {
  checkpoint::Adapter gradients = adapter;
  gradients.memory = lora_memory_;
  for (auto& module : gradients.modules)
    for (auto* tensor : {&module.a, &module.b, &module.magnitude})
      if (!tensor->values.empty()) tensor->values = {tensor->values.data() - lora_memory_.get() + lora_gradients_, tensor->values.size()};
  return gradients;
}

void Trainable::zero_gradients() {
  if (by_layers()) return;  // next_layer() leaves them so
  for (const Parameter& p : parameters_)
    if (p.gradient) std::memset(p.gradient, 0, static_cast<std::size_t>(p.count) * sizeof(float));
}

double Trainable::gradient_norm() const {
  double total = 0;
  for (const double squares : squares_) total += squares;
  if (by_layers()) return std::sqrt(total);
  for (const Parameter& p : parameters_) total += kernels::sum_of_squares(p.count, p.gradient);
  return std::sqrt(total);
}

}  // namespace luthier::model
