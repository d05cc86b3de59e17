// Where the matrices of an adapter lie in one flat array, and which linear layers they belong to.
//
// Linear layers that read the same input (q, k and v; gate and up) form a group whose A matrices are stacked, so that A x
// is one product for all of them, and so is their gradient. Parameters, gradients and moments share this layout.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/checkpoint/adapter.hpp"

namespace luthier::model {

enum class Site { qkv, o, gate_up, down };
inline constexpr std::size_t sites_count = 4;

struct LoraMember {
  std::size_t module = 0;   // index among the adapter's modules
  std::size_t part = 0;     // which linear layer of the group
  std::int64_t first_column = 0, out = 0;  // where that one's output lies in the group's
  std::int64_t first = 0;   // its first row in the stacked A
  std::int64_t r = 0;
  float scale = 0;
  std::size_t b_offset = 0;  // [out, r]
  std::size_t magnitude_offset = 0;  // [out], of DoRA
};

struct LoraGroup {
  std::int64_t rank = 0;     // of all members together; 0: nothing here is adapted
  std::size_t a_offset = 0;  // [rank, in]
  std::vector<LoraMember> members{};
  std::int64_t out = 0;         // of all its linear layers
  bool decomposed = false;      // DoRA
  std::size_t norm_offset = 0;  // [2, out] among the norms: gains, then norms

  // What a row of the group's input leaves for its gradients.
  std::int64_t kept() const { return rank + (decomposed ? out : 0); }
};

struct ExpertLora {
  LoraGroup gate_up, down;
};

struct LayerLora {
  std::array<LoraGroup, sites_count> sites;
  LoraGroup router;
  std::vector<ExpertLora> experts;
  // Of any expert here: what one token's choices need for each of them.
  std::int64_t gate_up_rank_max = 0, down_rank_max = 0;
};

struct LoraLayout {
  std::vector<LayerLora> layers;
  LoraGroup head;
  std::size_t floats = 0;
  std::size_t norm_floats = 0;  // of DoRA, beside the parameters

  const LoraGroup& at(std::size_t layer, Site site) const { return layers[layer].sites[static_cast<std::size_t>(site)]; }
  // In the order of the network.
  void for_each_group(const std::function<void(const LoraGroup&)>& visit) const;
  std::int64_t rank_max() const;
};

// Refuses a module that this network does not have, by name.
Result<LoraLayout> lay_out_lora(const checkpoint::Decoder& decoder, std::span<const checkpoint::LoraModule> modules);

}  // namespace luthier::model
