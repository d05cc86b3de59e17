// LoRA and DoRA adapters (arXiv 2106.09685, 2402.09353) as Hugging Face PEFT's files: adapter_config.json and adapter_model.safetensors.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/checkpoint.hpp"

namespace luthier::checkpoint {

struct LoraConfig {
  std::int64_t r = 8;
  double alpha = 16;
  double dropout = 0;
  bool use_rslora = false;                    // scale alpha / sqrt(r) instead of alpha / r
  bool use_dora = false;                      // with a magnitude for each row of an adapted weight
  std::vector<std::string> target_modules;    // suffixes ("q_proj"), as PEFT matches them
  bool has_default_targets = false;           // neither a list nor a pattern was given: the family's usual ones are meant
  std::vector<std::string> target_parameters; // suffixes of tensors: experts that lie in one tensor, a router's weight
  std::string target_pattern;                 // a regular expression or "all-linear", when it was given as one string
  // Exceptions by name suffix (or regular expression for one), in the file's order: the first that fits counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::vector<std::string> exclude_modules;  // what target_modules selects is adapted unless it is named here
  std::string exclude_pattern;
  std::vector<std::int64_t> layers_to_transform;  // empty: all
  std::string base_model_name_or_path;
};

// One adapted linear layer: y += scale * B (A x); with DoRA (gpu/model/dora.hpp) row o of W + scale * B A gets length magnitude[o].
// Of experts that PEFT adapts together each is a module of its own: `out` is then
// as wide as its gate and up together, in the order of the stored parameter.
struct LoraModule {
  std::string name;       // "model.layers.0.self_attn.q_proj", "model.layers.0.mlp.experts.3.gate_up_proj"
  std::int64_t r = 0;
  float scale = 0;
  Tensor a;  // [r, in]
  Tensor b;  // [out, r]
  std::string parameter = "";  // "model.layers.0.mlp.experts.gate_up_proj", of which this is one expert; empty: a layer of its own
  std::int64_t expert = 0, experts = 1;
  Tensor magnitude{};  // [out]; without a shape: plain LoRA

  std::int64_t values() const { return static_cast<std::int64_t>(a.count() + b.count() + (magnitude.shape.empty() ? 0 : magnitude.count())); }
};

// The linear layers that a config selects in this decoder, in the order of the network, with all tensors zeroed.
// Refuses a rank of 0 (field "lora.r"), a target that matches nothing (field "lora.target_modules") …
struct Adapter {
  LoraConfig config;
  std::vector<LoraModule> modules;
  std::shared_ptr<float[]> memory;  // what the tensors point into
};
Result<Adapter> make_adapter(const LoraConfig& config, const Decoder& decoder);

// Every tensor of the file must belong to a selected module, have the right shape, and none may be missing.
Result<Adapter> load_adapter(const std::filesystem::path& directory, const Decoder& decoder);
// The same for who only reads it and lets it go soon: where all values lie as f32 in the file, they are looked at there.
Result<Adapter> view_adapter(const std::filesystem::path& directory, const Decoder& decoder);
Result<LoraConfig> read_lora_config(const std::filesystem::path& adapter_config_json);
Result<void> save_adapter(const std::filesystem::path& directory, const Adapter& adapter);
// The tensors alone, under their names in adapter_model.safetensors: also of an adapter that holds gradients.
Result<void> write_adapter_tensors(const std::filesystem::path& file, const Adapter& adapter);

}  // namespace luthier::checkpoint
