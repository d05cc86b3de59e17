#include "gpu/serve/lora.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/model/dora.hpp"
#include "gpu/model/stored_linear.hpp"
#include "gpu/serve/network.hpp"
#include "gpu/serve/pack_weights.hpp"

namespace luthier::serve {
namespace {

// Rows of B that go to one linear layer: a fused module (gate_up_proj) feeds several, which share its A.
struct Split {
  int slot = 0;
  std::int64_t first = 0, count = 0, step = 1;
};

struct Place {
  std::int64_t layer = -1;   // -1: the head
  LoraGroup group = LoraGroup::head;
  std::int64_t expert = -1;  // of `group` mlp_in or mlp_out
  std::vector<Split> splits;
};

using Places = std::map<std::string, Place>;

// One layer for each slot, or the one that has the rows of all.
void add_places(const std::vector<checkpoint::LinearLayer>& linears, std::span<const std::int64_t> widths, const Place& like, Places& out) {
  if (linears.size() == widths.size()) {
    for (std::size_t i = 0; i < linears.size(); ++i) {
      Place place = like;
      place.splits = {{static_cast<int>(i), 0, linears[i].out}};
      out.emplace(linears[i].name, std::move(place));
    }
    return;
  }
  if (linears.size() != 1) return;
  Place place = like;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    place.splits.push_back({static_cast<int>(i), first, widths[i]});
    first += widths[i];
  }
  out.emplace(linears[0].name, std::move(place));
}

// Of gate and up together B has the rows that the stored parameter has: one after the other, or taking turns.
void add_experts(const checkpoint::Decoder& decoder, Places& out) {
  const auto parameters = checkpoint::expert_parameters(decoder);
  std::size_t next = 0;
  for (std::int64_t i = 0; i < decoder.num_layers; ++i) {
    const auto& shape = decoder.layers[static_cast<std::size_t>(i)];
    if (shape.num_experts == 0) continue;
    const auto &gate_up = parameters.at(next), &down = parameters.at(next + 1);
    next += 2;
    const std::int64_t width = shape.intermediate_size;
    const std::vector<Split> in_turn{{0, 0, width, 2}, {1, 1, width, 2}}, one_by_one{{0, 0, width, 1}, {1, width, width, 1}};
    for (std::int64_t e = 0; e < shape.num_experts; ++e) {
      out.emplace(gate_up.expert_name(e), Place{i, LoraGroup::mlp_in, e, decoder.experts.stacked ? in_turn : one_by_one});
      out.emplace(down.expert_name(e), Place{i, LoraGroup::mlp_out, e, {{0, 0, decoder.hidden_size, 1}}});
    }
  }
}

Places places_of(const checkpoint::Decoder& decoder) {
  Places out;
  if (decoder.has_head) out.emplace("lm_head", Place{.splits = {{0, 0, decoder.vocab_size}}});
  for (std::int64_t i = 0; i < decoder.num_layers; ++i) {
    const auto& shape = decoder.layers[static_cast<std::size_t>(i)];
    const auto tensors = checkpoint::layer_tensors(decoder, i);
    const std::int64_t queries = shape.num_heads * decoder.head_dim, keys = shape.num_kv_heads * decoder.head_dim;
    const std::int64_t hidden = decoder.hidden_size, width = shape.intermediate_size;
    const std::vector<std::int64_t> gate_up(decoder.gated ? 2 : 1, width);
    add_places(tensors.qkv, std::array{queries, keys, keys}, {i, LoraGroup::attention_in, -1, {}}, out);
    add_places(tensors.output, std::array{hidden}, {i, LoraGroup::attention_out, -1, {}}, out);
    add_places(tensors.gate_up, gate_up, {i, LoraGroup::mlp_in, -1, {}}, out);
    add_places(tensors.down, std::array{hidden}, {i, LoraGroup::mlp_out, -1, {}}, out);
    add_places(tensors.router, std::array{shape.num_experts}, {i, LoraGroup::router, -1, {}}, out);
  }
  add_experts(decoder, out);
  return out;
}

// One A, and who gets which rows of its B.
struct Entry {
  std::int64_t rank = 0;
  float scale = 0;
  MatrixView a, b;
  std::vector<Split> splits;
  std::vector<float> scaled_b{};              // of DoRA: what `b` looks at
  std::vector<std::vector<float>> gains{};    // by split
};
using Group = std::vector<Entry>;

constexpr int b_width = 32;

std::int64_t group_size(const Group& group) {
  std::int64_t ranks = 0, size = 0;
  for (const auto& entry : group) {
    ranks += entry.rank;
    for (const auto& split : entry.splits) size += packed_size(split.count, entry.rank, b_width);
    for (const auto& gain : entry.gains) size += packed_size(std::ssize(gain), 1, b_width);
  }
  return group.empty() ? 0 : size + DotMatrix{nullptr, ranks, group.front().a.inputs}.size();
}

PanelMatrix pack(const MatrixView& from, int width, float*& at) {
  const PanelMatrix matrix{at, from.outputs, from.inputs, width};
  for (std::int64_t i = 0; i < matrix.panels(); ++i) pack_panel(from, width, i, at + i * width * from.inputs);
  at += packed_size(from.outputs, from.inputs, width);
  return matrix;
}

LoraInputs pack_group(const Group& group, float*& at) {
  LoraInputs out;
  if (group.empty()) return out;
  std::vector<const float*> a;
  std::int64_t column = 0;
  for (const auto& entry : group) {
    for (const auto& split : entry.splits) out.parts.push_back({split.slot, column, entry.rank, entry.scale});
    column += entry.rank;
    for (std::int64_t r = 0; r < entry.rank; ++r) a.push_back(entry.a.data + r * entry.a.inputs);
  }
  out.a = {at, column, group.front().a.inputs};
  pack_dots(a, out.a, at);
  at += out.a.size();
  auto part = out.parts.begin();
  for (const auto& entry : group)
    for (std::size_t i = 0; i < entry.splits.size(); ++i, ++part) {
      const auto& split = entry.splits[i];
      auto rows = entry.b;
      rows.data += split.first * rows.output_stride;
      rows.output_stride *= split.step;
      rows.outputs = split.count;
      part->b = pack(rows, b_width, at);
      if (!entry.gains.empty()) part->gain = pack(MatrixView::rows(entry.gains[i].data(), split.count, 1), b_width, at).data;
    }
  return out;
}

struct LayerGroups {
  std::array<Group, lora_groups_per_layer> groups;
  std::vector<Group> expert_in, expert_out;
};

Result<Entry> entry_of(const checkpoint::LoraModule& module, std::vector<Split> splits) {
  if (module.a.shape.size() != 2 || module.b.shape.size() != 2 || module.a.shape[0] != module.r || module.b.shape[1] != module.r)
    return Error{ErrorCode::internal, "module \"" + module.name + "\" has shapes that do not fit its rank", {}};
  return Entry{module.r, module.scale, MatrixView::rows(module.a.values.data(), module.r, module.a.shape[1]),
               MatrixView::rows(module.b.values.data(), module.b.shape[0], module.r), std::move(splits)};
}

// Every output of a module's layers has its magnitude over the norm of its row, as the weights are served.
// `room` grows to what the largest layer needs.
void weigh(const checkpoint::LoraModule& module, const Place& place, const Network& network, std::vector<float>& room, Entry& entry) {
  const std::int64_t r = module.r, in = entry.a.inputs;
  entry.scaled_b.assign(module.b.values.begin(), module.b.values.end());
  for (const auto& split : entry.splits) {  // a fused layer's, one after the other
    const auto& weight = network.weight(place.layer, place.group, split.slot);
    const float* const b = module.b.values.data() + split.first * r;
    auto& gains = entry.gains.emplace_back(static_cast<std::size_t>(split.count));
    room.resize(std::max(room.size(), static_cast<std::size_t>(model::stored_room(split.count, in))));
    model::dora_norms({split.count, in, r, module.scale, module.a.values.data(), b},
                      [&](std::int64_t first, std::int64_t count, float* rows) { unpack_rows(weight, first, count, rows); }, gains.data(),
                      room.data());
    for (std::int64_t o = 0; o < split.count; ++o) {
      float& gain = gains[static_cast<std::size_t>(o)];
      gain = model::dora_gain(module.magnitude.values[static_cast<std::size_t>(split.first + o)], gain);
      for (std::int64_t i = 0; i < r; ++i) entry.scaled_b[static_cast<std::size_t>((split.first + o) * r + i)] *= gain;
    }
  }
  entry.b.data = entry.scaled_b.data();
}

}  // namespace

Result<void> pack_adapter(const checkpoint::Adapter& from, const Network& network, LoadedAdapter& into) {
  const auto& decoder = network.decoder();
  into.decomposed = from.config.use_dora;
  const auto places = places_of(decoder);
  std::vector<LayerGroups> layers(static_cast<std::size_t>(decoder.num_layers));
  Group head;
  std::vector<float> room;
  for (const auto& module : from.modules) {
    const auto found = places.find(module.name);
    if (found == places.end())
      return invalid("module \"" + module.name + "\" cannot be adapted when serving: only the linear layers of attention, "
                     "feed-forward parts and experts, and lm_head, can", "target_modules");
    const auto& place = found->second;
    if (module.r > rank_max)
      return Error{ErrorCode::limit, "module \"" + module.name + "\" has rank " + std::to_string(module.r) +
                   ", but serving takes at most " + std::to_string(rank_max), "r"};
    auto entry = entry_of(module, place.splits);
    if (!entry) return entry.error();
    if (from.config.use_dora) weigh(module, place, network, room, *entry);
    into.rank = std::max(into.rank, module.r);
    if (place.layer < 0) {
      head.push_back(std::move(*entry));
      continue;
    }
    auto& own = layers[static_cast<std::size_t>(place.layer)];
    if (place.expert < 0) {
      own.groups[static_cast<std::size_t>(place.group)].push_back(std::move(*entry));
      continue;
    }
    auto& experts = place.group == LoraGroup::mlp_in ? own.expert_in : own.expert_out;
    experts.resize(static_cast<std::size_t>(decoder.layers[static_cast<std::size_t>(place.layer)].num_experts));
    experts[static_cast<std::size_t>(place.expert)].push_back(std::move(*entry));
  }
  std::int64_t size = group_size(head);
  for (const auto& layer : layers) {
    for (const auto& group : layer.groups) size += group_size(group);
    for (const auto* experts : {&layer.expert_in, &layer.expert_out})
      for (const auto& group : *experts) size += group_size(group);
  }
  auto memory = Memory::allocate(static_cast<std::size_t>(size), "the adapter");
  if (!memory) return memory.error();
  into.memory = std::move(*memory);
  into.memory.populate();
  float* at = into.memory.values().data();
  into.head = pack_group(head, at);
  for (const auto& layer : layers) {
    auto& packed = into.layers.emplace_back();
    for (std::size_t g = 0; g < layer.groups.size(); ++g) packed.groups[g] = pack_group(layer.groups[g], at);
    for (const auto& group : layer.expert_in) packed.expert_in.push_back(pack_group(group, at));
    for (const auto& group : layer.expert_out) packed.expert_out.push_back(pack_group(group, at));
  }
  return {};
}

Result<std::string> adapter_digest(const std::filesystem::path& directory) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return Error{ErrorCode::internal, "SHA-256 is not available", {}};
  std::vector<char> buffer(1 << 20);
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
    const auto file = directory / name;
    std::ifstream in(file, std::ios::binary);
    if (!in) return Error{ErrorCode::not_found, file.string() + " cannot be read: an adapter is a directory with "
                          "adapter_config.json and adapter_model.safetensors", name};
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0)
      EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
    if (in.bad()) return Error{ErrorCode::io, file.string() + " cannot be read to its end", name};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &length);
  std::string hex = "sha256:";
  for (unsigned i = 0; i < length; ++i)
    for (const int nibble : {digest[i] >> 4, digest[i] & 15}) hex += "0123456789abcdef"[nibble];
  return hex;
}

}  // namespace luthier::serve
