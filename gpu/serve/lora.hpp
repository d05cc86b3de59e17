// A LoRA adapter as the network uses it: A packed for dot products, B into panels. The A matrices of layers with the same input
// lie side by side, so that their products are one pass over the row. DoRA's scale of each output (gpu/model/dora.hpp) is computed once,
// from the weights as they are served, and lies in B's rows already.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"
#include "gpu/serve/memory.hpp"
#include "gpu/serve/panels.hpp"

namespace luthier::serve {

class Network;

// Layers with the same input: q, k and v; o; gate and up; down; the router; and the output head.
enum class LoraGroup { attention_in, attention_out, mlp_in, mlp_out, router, head };
constexpr int lora_groups_per_layer = 5;
constexpr std::int64_t rank_max = 256;  // of one module; larger ones are refused

struct LoraPart {
  int slot = 0;             // which layer of the group: q 0, k 1, v 2; gate 0, up 1; else 0
  std::int64_t column = 0;  // where its A x begins in the group's product
  std::int64_t rank = 0;
  float scale = 0;
  PanelMatrix b{};  // [outputs, rank]
  const float* gain = nullptr;  // of the base's own product, by output, to whole panels; nullptr: 1
};

struct LoraInputs {
  DotMatrix a;  // [ranks of all parts, inputs]
  std::vector<LoraPart> parts;
  bool empty() const { return parts.empty(); }
};

struct LoraLayer {
  std::array<LoraInputs, lora_groups_per_layer> groups;
  std::vector<LoraInputs> expert_in, expert_out;  // gate and up, down of each expert; empty: none is adapted
};

// Immutable once loaded. Requests hold it while they run, so an adapter that is unloaded or replaced lives until the
// last of its requests has ended.
struct LoadedAdapter {
  std::string name;
  std::string version;
  std::filesystem::path path;
  std::string base_model;  // what its adapter_config.json names
  std::int64_t rank = 0;  // the largest of its modules
  bool decomposed = false;  // DoRA: its parts have gains
  std::vector<LoraLayer> layers;
  LoraInputs head;
  Memory memory;
  mutable std::atomic<std::int64_t> requests_in_flight{0};

  const LoraInputs& inputs(std::int64_t layer, LoraGroup group) const {
    return group == LoraGroup::head ? head : layers[static_cast<std::size_t>(layer)].groups[static_cast<std::size_t>(group)];
  }
  const LoraInputs& expert_inputs(std::int64_t layer, std::int64_t expert, bool is_in) const {
    static const LoraInputs none;
    const auto& own = layers[static_cast<std::size_t>(layer)];
    const auto& list = is_in ? own.expert_in : own.expert_out;
    return list.empty() ? none : list[static_cast<std::size_t>(expert)];
  }
};

// Packs `from`, of that network's model, into `into`; refuses a module that serving does not know, by name. From any thread.
Result<void> pack_adapter(const checkpoint::Adapter& from, const Network& network, LoadedAdapter& into);

// SHA-256 over the adapter's two files: the version of an adapter that came without one.
Result<std::string> adapter_digest(const std::filesystem::path& directory);

}  // namespace luthier::serve
