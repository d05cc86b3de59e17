#include <algorithm>
#include <numeric>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/checkpoint/layer_tensors.hpp"
#include "gpu/checkpoint/memory.hpp"

namespace luthier::checkpoint {
namespace {

std::size_t count_of(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1},
                         [](std::size_t count, std::int64_t extent) { return count * static_cast<std::size_t>(extent); });
}

// 64 bytes: a cache line, and the widest vector.
std::size_t padded(std::size_t count) { return (count + 15) / 16 * 16; }

// Codes first, then scales: where the scales begin and what both take, in floats.
struct Places {
  std::size_t scales, floats;
};
Places places_of(StoredKind kind, std::size_t values) {
  const std::size_t scales = padded((bytes_of_codes(kind, values) + sizeof(float) - 1) / sizeof(float));
  return {scales, scales + padded((bytes_of_scales(kind, values) + sizeof(float) - 1) / sizeof(float))};
}

}  // namespace

std::size_t Tensor::count() const { return count_of(shape); }

Result<Weights> Weights::allocate(const Shapes& shapes) {
  return allocate(shapes, [](const std::string&, const std::vector<std::int64_t>&) { return StoredKind::f32; });
}

Result<Weights> Weights::allocate(const Shapes& shapes, const KindOf& kind_of) {
  Weights weights;
  for (const auto& [name, shape] : shapes) weights.length_ += places_of(kind_of(name, shape), count_of(shape)).floats;
  auto memory = allocate_floats(weights.length_, "the model");
  if (!memory) return memory.error();
  weights.memory_ = std::move(*memory);
  float* next = weights.memory_.get();
  for (const auto& [name, shape] : shapes) {
    const StoredKind kind = kind_of(name, shape);
    const Places places = places_of(kind, count_of(shape));
    if (kind == StoredKind::f32)
      weights.tensors_.emplace(name, Tensor{shape, {next, count_of(shape)}});
    else
      weights.tensors_.emplace(name, Tensor{shape, {}, {kind, 0, reinterpret_cast<std::byte*>(next), reinterpret_cast<std::byte*>(next + places.scales)}});
    next += places.floats;
  }
  return weights;
}

std::size_t Weights::floats_by_turns(const Shapes& shapes, const GroupOf& group_of) {
  std::map<std::int64_t, std::size_t> lengths;
  for (const auto& [name, shape] : shapes) lengths[group_of(name)] += padded(count_of(shape));
  std::size_t largest = 0;
  for (const auto& [group, length] : lengths)
    if (group >= 0) largest = std::max(largest, length);
  return lengths[-1] + largest;
}

Result<Weights> Weights::allocate_by_turns(const Shapes& shapes, const GroupOf& group_of) {
  Weights weights;
  weights.length_ = floats_by_turns(shapes, group_of);
  auto memory = allocate_floats(weights.length_, "gradients");
  if (!memory) return memory.error();
  weights.memory_ = std::move(*memory);
  std::map<std::int64_t, std::size_t> next;  // of each group, from the beginning; of what is in none, from the end
  next[-1] = weights.length_;
  for (const auto& [name, shape] : shapes) {
    const std::int64_t group = group_of(name);
    const std::size_t floats = padded(count_of(shape));
    if (group < 0) next[group] -= floats;
    weights.tensors_.emplace(name, Tensor{shape, {weights.memory_.get() + next[group], count_of(shape)}});
    if (group >= 0) next[group] += floats;
  }
  return weights;
}

Result<void> Weights::fill(const Read& read) {
  std::size_t largest = 0;
  const auto is_encoded = [](const Tensor& tensor) { return tensor.stored && !is_copied(tensor.stored.kind); };
  for (const auto& [name, tensor] : tensors_)
    if (is_encoded(tensor)) largest = std::max(largest, padded(tensor.count()));
  std::shared_ptr<float[]> room;
  if (largest > 0) {
    auto memory = allocate_floats(largest, "one tensor as f32");
    if (!memory) return memory.error();
    room = std::move(*memory);
  }
  for (const auto& [name, tensor] : tensors_) {
    if (!is_encoded(tensor)) {
      if (auto done = read(name, tensor); !done) return done;
      continue;
    }
    const Tensor wide{tensor.shape, {room.get(), tensor.count()}};
    if (auto done = read(name, wide); !done) return done;
    encode(tensor.stored.kind, wide.values, tensor.stored.codes, tensor.stored.scales);
  }
  return {};
}

const Tensor* Weights::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::size_t Weights::bytes() const { return length_ * sizeof(float); }

namespace {

void add_norm(const Decoder& d, const std::string& name, std::int64_t width, Weights::Shapes& shapes) {
  if (name.empty()) return;
  shapes[name] = {width};
  if (d.norm == NormKind::layer) shapes[name.substr(0, name.size() - std::string_view("weight").size()) + "bias"] = {width};
}

void add_linears(const std::vector<LinearLayer>& layers, Weights::Shapes& shapes) {
  for (const auto& [name, in, out, bias] : layers) {
    shapes[name + ".weight"] = {out, in};
    if (bias) shapes[name + ".bias"] = {out};
  }
}

void add_stacked(const Decoder& d, const LayerShape& layer, const LayerTensors& tensors, Weights::Shapes& shapes) {
  const auto experts = layer.num_experts, width = layer.intermediate_size;
  shapes[tensors.stacked_gate_up] = {experts, d.hidden_size, 2 * width};
  shapes[tensors.stacked_down] = {experts, width, d.hidden_size};
  if (!d.experts.biases) return;
  shapes[tensors.stacked_gate_up + "_bias"] = {experts, 2 * width};
  shapes[tensors.stacked_down + "_bias"] = {experts, d.hidden_size};
}

void add_layer(const Decoder& d, std::int64_t index, Weights::Shapes& shapes) {
  const auto& layer = d.layers[static_cast<std::size_t>(index)];
  const auto tensors = layer_tensors(d, index);
  for (const auto* norm : {&tensors.attention_norm, &tensors.attention_output_norm, &tensors.mlp_norm, &tensors.mlp_output_norm})
    add_norm(d, *norm, d.hidden_size, shapes);
  for (const auto* norm : {&tensors.query_norm, &tensors.key_norm}) add_norm(d, *norm, d.head_dim, shapes);
  if (!tensors.sinks.empty()) shapes[tensors.sinks] = {layer.num_heads};
  for (const auto* group : {&tensors.qkv, &tensors.output, &tensors.gate_up, &tensors.down, &tensors.router}) add_linears(*group, shapes);
  for (const auto* experts : {&tensors.expert_gate_up, &tensors.expert_down})
    for (const auto& expert : *experts) add_linears(expert, shapes);
  if (!tensors.stacked_gate_up.empty()) add_stacked(d, layer, tensors, shapes);
}

}  // namespace

Weights::Shapes layer_shapes(const Decoder& d, std::int64_t layer) {
  Weights::Shapes shapes;
  add_layer(d, layer, shapes);
  return shapes;
}

Weights::Shapes weight_shapes(const Decoder& d) {
  Weights::Shapes shapes;
  for (std::int64_t i = 0; i < d.num_layers; ++i) add_layer(d, i, shapes);
  const auto outer = outer_tensors(d);
  shapes[outer.embedding] = {d.vocab_size, d.hidden_size};
  if (!outer.positions.empty()) shapes[outer.positions] = {d.max_position_embeddings, d.hidden_size};
  if (!outer.types.empty()) shapes[outer.types] = {d.token_types, d.hidden_size};
  add_norm(d, outer.embedding_norm, d.hidden_size, shapes);
  add_norm(d, outer.final_norm, d.hidden_size, shapes);
  if (!outer.head.empty()) shapes[outer.head] = {d.vocab_size, d.hidden_size};
  return shapes;
}

WeightBytes weight_bytes(const Decoder& decoder, BaseStorage storage) {
  WeightBytes bytes;
  for (const auto& [name, shape] : weight_shapes(decoder)) {
    const StoredKind kind = stored_kind(decoder, storage, name, shape);
    bytes.kept += places_of(kind, count_of(shape)).floats * sizeof(float);
    if (kind != StoredKind::f32 && !is_copied(kind)) bytes.loading = std::max(bytes.loading, padded(count_of(shape)) * sizeof(float));
  }
  return bytes;
}

std::int64_t count_parameters(const Decoder& decoder) {
  std::size_t count = 0;
  for (const auto& [name, shape] : weight_shapes(decoder)) count += count_of(shape);
  return static_cast<std::int64_t>(count);
}

}  // namespace luthier::checkpoint
