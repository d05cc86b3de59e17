// What a training run changes: every weight, or the matrices of an adapter; with their gradients and Adam's moments.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/model/lora_layout.hpp"
#include "gpu/model/network.hpp"

namespace luthier::model {

struct Parameter {
  std::string name;  // in the file that it is written to: a checkpoint's, or adapter_model.safetensors
  std::vector<std::int64_t> shape;
  std::int64_t count = 0;
  float* value = nullptr;
  float* gradient = nullptr;
  float *moment1 = nullptr, *moment2 = nullptr;  // nullptr when only gradients were asked for
  bool decays = true;                            // false for biases and norm weights
  std::int64_t layer = -1;                       // of full weights; -1: outside the layers
};

// Of a network in bf16: what Binding says of it.
struct Products {
  bool bfloat16 = false;
  const checkpoint::Weights* rounded = nullptr;
};

enum class Keep { values, gradients, gradients_and_moments };

class Trainable {
 public:
  // Trains `weights` in place.
  static Result<Trainable> full(const checkpoint::Decoder& decoder, checkpoint::Weights& weights, Keep keep);

  // The same, with one memory for the gradients of all layers: backward() leaves a layer's there until it begins with the next one
  // below. Whoever needs them takes them when Workspace::layer_done says so, and calls next_layer().
  static Result<Trainable> full_by_layers(const checkpoint::Decoder& decoder, checkpoint::Weights& weights);
  static std::size_t gradient_bytes_by_layers(const checkpoint::Decoder& decoder);
  bool by_layers() const { return !squares_.empty(); }
  void next_layer(std::int64_t layer);  // this one's gradient counts in gradient_norm(), and makes room

  // Moves the adapter's values into one array with the layout of the network's groups, and lets the adapter's tensors
  // point there: saving the adapter writes what was trained.
  static Result<Trainable> lora(const checkpoint::Decoder& decoder, checkpoint::Adapter& adapter, Keep keep);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const LoraLayout* lora_layout() const { return lora_ ? lora_.get() : nullptr; }

  // The network whose gradients land here. `weights` are the base model's; both must outlive it.
  Result<Network> bind(const checkpoint::Decoder& decoder, const checkpoint::Weights& weights, const Products& products = {}) const;

  // A new DoRA adapter's magnitudes: the norms that the adapted weights have now, so that the model stays as it is. `room`: a
  // workspace's for weights.
  void start_magnitudes(const Network& network, float* room);

  // An adapter like the one that is trained, with the gradients in place of its values; they stay here.
  checkpoint::Adapter gradients_of(const checkpoint::Adapter& adapter) const;

  void zero_gradients();
  double gradient_norm() const;
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Parameter> parameters_;
  std::shared_ptr<checkpoint::Weights> gradients_, moment1_, moment2_;  // of full weights
  std::shared_ptr<LoraLayout> lora_;
  std::shared_ptr<float[]> lora_memory_;
  float *lora_gradients_ = nullptr, *lora_norms_ = nullptr;
  std::vector<double> squares_;  // by layers: the sum of each parameter's squares in this step
  std::size_t bytes_ = 0;
};

}  // namespace luthier::model
