#include "gpu/serve/lora.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>

namespace luthier::serve {
namespace {

struct Place {
  std::int64_t layer = 0;
  LoraGroup group = LoraGroup::head;
  int slot = 0;
};

// "model.layers.12.self_attn.q_proj" -> layer 12, attention_in, 0.
std::optional<Place> place_of(std::string_view name, std::int64_t layers) {
  if (name == "lm_head") return Place{};
  constexpr std::string_view prefix = "model.layers.";
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  Place place;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), place.layer);
  if (error != std::errc{} || place.layer < 0 || place.layer >= layers) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  constexpr std::array<std::tuple<std::string_view, LoraGroup, int>, 7> known{{
      {".self_attn.q_proj", LoraGroup::attention_in, 0},
      {".self_attn.k_proj", LoraGroup::attention_in, 1},
      {".self_attn.v_proj", LoraGroup::attention_in, 2},
      {".self_attn.o_proj", LoraGroup::attention_out, 0},
      {".mlp.gate_proj", LoraGroup::mlp_in, 0},
      {".mlp.up_proj", LoraGroup::mlp_in, 1},
      {".mlp.down_proj", LoraGroup::mlp_out, 0},
  }};
  for (const auto& [suffix, group, slot] : known)
    if (name == suffix) return Place{place.layer, group, slot};
  return std::nullopt;
}

using Group = std::vector<std::pair<int, const checkpoint::LoraModule*>>;  // slot, module

constexpr int a_width = 16, b_width = 32;

std::int64_t inputs_of(const checkpoint::LoraModule& module) { return module.a.shape.at(1); }
std::int64_t outputs_of(const checkpoint::LoraModule& module) { return module.b.shape.at(0); }

std::int64_t group_size(const Group& group) {
  std::int64_t ranks = 0, size = 0;
  for (const auto& [slot, module] : group) {
    ranks += module->r;
    size += packed_size(outputs_of(*module), module->r, b_width);
  }
  return group.empty() ? 0 : size + packed_size(ranks, inputs_of(*group.front().second), a_width);
}

PanelMatrix pack(std::span<const float> values, std::int64_t outputs, std::int64_t inputs, int width, float*& at) {
  const PanelMatrix matrix{at, outputs, inputs, width};
  for (std::int64_t i = 0; i < matrix.panels(); ++i)
    pack_panel(values, outputs, inputs, width, i, at + i * width * inputs);
  at += packed_size(outputs, inputs, width);
  return matrix;
}

LoraInputs pack_group(const Group& group, float*& at) {
  LoraInputs out;
  if (group.empty()) return out;
  std::vector<float> a;
  std::int64_t column = 0;
  for (const auto& [slot, module] : group) {
    out.parts.push_back({slot, column, module->r, module->scale, {}});
    column += module->r;
    a.insert(a.end(), module->a.values.begin(), module->a.values.end());
  }
  out.a = pack(a, column, inputs_of(*group.front().second), a_width, at);
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto& module = *group[i].second;
    out.parts[i].b = pack(module.b.values, outputs_of(module), module.r, b_width, at);
  }
  return out;
}

}  // namespace

Result<void> pack_adapter(const checkpoint::Adapter& from, const checkpoint::Decoder& decoder, LoadedAdapter& into) {
  std::vector<std::array<Group, lora_groups_per_layer>> layers(static_cast<std::size_t>(decoder.num_layers));
  Group head;
  for (const auto& module : from.modules) {
    const auto place = place_of(module.name, decoder.num_layers);
    if (!place) return invalid("module \"" + module.name + "\" cannot be adapted when serving: only the linear layers of "
                               "attention and MLP, and lm_head, can", "target_modules");
    if (module.a.shape.size() != 2 || module.b.shape.size() != 2 || module.a.shape[0] != module.r ||
        module.b.shape[1] != module.r)
      return Error{ErrorCode::internal, "module \"" + module.name + "\" has shapes that do not fit its rank", {}};
    if (module.r > rank_max)
      return Error{ErrorCode::limit, "module \"" + module.name + "\" has rank " + std::to_string(module.r) +
                   ", but serving takes at most " + std::to_string(rank_max), "r"};
    (place->group == LoraGroup::head ? head : layers[static_cast<std::size_t>(place->layer)]
                                                    [static_cast<std::size_t>(place->group)])
        .emplace_back(place->slot, &module);
    into.rank = std::max(into.rank, module.r);
  }
  std::int64_t size = group_size(head);
  for (const auto& layer : layers)
    for (const auto& group : layer) size += group_size(group);
  auto memory = Memory::allocate(static_cast<std::size_t>(size), "the adapter");
  if (!memory) return memory.error();
  into.memory = std::move(*memory);
  float* at = into.memory.values().data();
  into.head = pack_group(head, at);
  for (const auto& layer : layers) {
    auto& packed = into.layers.emplace_back();
    for (std::size_t g = 0; g < layer.size(); ++g) packed[g] = pack_group(layer[g], at);
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
