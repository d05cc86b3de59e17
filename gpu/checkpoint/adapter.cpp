#include "gpu/checkpoint/adapter.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "events/base/file.hpp"
#include "gpu/checkpoint/adapter_experts.hpp"
#include "gpu/checkpoint/lora_config.hpp"
#include "gpu/checkpoint/lora_selection.hpp"
#include "gpu/checkpoint/memory.hpp"
#include "gpu/checkpoint/printable.hpp"
#include "gpu/checkpoint/safetensors.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "base_model.model.";

std::size_t padded(std::int64_t count) { return static_cast<std::size_t>((count + 15) / 16 * 16); }  // 64 bytes

Result<Adapter> allocate(const LoraConfig& config, const std::vector<SelectedLayer>& selected) {
  std::size_t count = 0;
  for (const auto& each : selected)
    count += padded(each.r * each.layer.in) + padded(each.r * each.layer.out) + (config.use_dora ? padded(each.layer.out) : 0);
  auto memory = allocate_floats(count, "the adapter");
  if (!memory) return memory.error();
  Adapter adapter{config, {}, std::move(*memory)};
  float* next = adapter.memory.get();
  const auto take = [&](const std::vector<std::int64_t>& shape, std::int64_t values) {
    const Tensor tensor{shape, {next, static_cast<std::size_t>(values)}};
    next += padded(values);
    return tensor;
  };
  for (const auto& each : selected) {
    const auto [name, in, out, bias] = each.layer;
    const auto a = take({each.r, in}, each.r * in), b = take({out, each.r}, out * each.r);
    adapter.modules.push_back({name, each.r, each.scale, a, b, each.parameter, each.expert, each.experts});
    if (config.use_dora) adapter.modules.back().magnitude = take({out}, out);
  }
  return adapter;
}

constexpr std::string_view weight_suffix = ".weight", magnitude_in_memory = ".lora_magnitude_vector.weight";

// The file's tensors under names without PEFT's prefix, which some tools leave out. PEFT calls the same vector "NAME.weight" in memory,
// and takes it under that name too.
using Found = std::map<std::string, const StoredTensor*>;

Result<Found> strip_prefix(const SafetensorsFile& file, const std::string& path) {
  Found found;
  for (const auto& [name, tensor] : file.tensors()) {
    auto stripped = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    if (stripped.ends_with(magnitude_in_memory)) stripped.resize(stripped.size() - weight_suffix.size());
    if (!found.emplace(stripped, &tensor).second)
      return invalid(path + ": tensor " + printable(stripped) + ": is there twice, under two of the names that it may have", stripped);
  }
  return found;
}

std::string a_name(const std::string& layer) { return layer + ".lora_A.weight"; }
std::string b_name(const std::string& layer) { return layer + ".lora_B.weight"; }
std::string magnitude_name(const std::string& layer) { return layer + ".lora_magnitude_vector"; }

template <class Modules>
std::set<std::string> parameters_of(const Modules& modules) {
  std::set<std::string> parameters;
  for (const auto& module : modules) parameters.insert(module.parameter);
  return parameters;
}

Result<void> check_tensors(const Found& found, const LoraConfig& config, const std::vector<SelectedLayer>& selected, const std::string& path) {
  std::set<std::string> known;
  const auto refused = [&](const std::string& name, const std::string& why) {
    return invalid(path + ": tensor " + printable(name) + ": " + why, name);
  };
  const auto check = [&](const std::string& name, const std::vector<std::int64_t>& shape) -> Result<void> {
    known.insert(name);
    const auto tensor = found.find(name);
    if (tensor == found.end()) return refused(name, "is missing");
    const auto& [dtype, stored_shape, bytes] = *tensor->second;
    if (stored_shape != shape) return refused(name, "has shape " + shape_text(stored_shape) + ", not " + shape_text(shape));
    if (dtype != Dtype::f32 && dtype != Dtype::f16 && dtype != Dtype::bf16)
      return refused(name, "holds integers where floating point values are needed");
    return {};
  };
  const auto parameters = parameters_of(selected);
  for (const auto& each : selected) {
    if (each.expert > 0) continue;  // all of them are in the first one's tensors
    const auto& layer = each.layer;
    const auto stored = stored_module(layer.name, each.parameter, parameters);
    const auto ranks = each.r * each.experts;
    if (auto good = check(a_name(stored), {ranks, layer.in}); !good) return good;
    if (auto good = check(b_name(stored), {layer.out, ranks}); !good) return good;
    if (config.use_dora)
      if (auto good = check(magnitude_name(stored), {layer.out}); !good) return good;
    // PEFT saves a copy of the base model's own lm_head beside its adapter.
    const auto copy = layer.name + ".base_layer.weight";
    if (layer.name == "lm_head" && found.contains(copy))
      if (auto good = check(copy, {layer.out, layer.in}); !good) return good;
  }
  for (const auto& [name, tensor] : found)
    if (!known.contains(name))
      return refused(name, name.find(".lora_embedding_") != name.npos
                               ? "adapts an embedding, which is not supported; adapters of linear layers, experts and routers are"
                               : "belongs to no layer that adapter_config.json selects in this model");
  return {};
}

Result<SafetensorsFile> open_tensors(const fs::path& directory) {
  const auto path = directory / "adapter_model.safetensors";
  std::error_code ignored;
  if (!fs::exists(path, ignored) && fs::exists(directory / "adapter_model.bin", ignored))
    return invalid((directory / "adapter_model.bin").string() + ": pickled adapters are not supported; save it as adapter_model.safetensors");
  return SafetensorsFile::open(path);
}

Result<void> read_tensors(const Found& found, const Adapter& adapter) {
  const auto parameters = parameters_of(adapter.modules);
  std::vector<float> a, b;  // of all experts of the parameter at hand
  for (const auto& module : adapter.modules) {
    const auto stored = stored_module(module.name, module.parameter, parameters);
    const bool is_stacked = !module.parameter.empty();
    if (is_stacked && module.expert == 0) {
      a.resize(module.a.values.size() * static_cast<std::size_t>(module.experts));
      b.resize(module.b.values.size() * static_cast<std::size_t>(module.experts));
    }
    if (!is_stacked || module.expert == 0) {
      if (auto read = to_f32(*found.at(a_name(stored)), is_stacked ? std::span(a) : module.a.values); !read) return read;
      if (auto read = to_f32(*found.at(b_name(stored)), is_stacked ? std::span(b) : module.b.values); !read) return read;
    }
    if (!module.magnitude.shape.empty())
      if (auto read = to_f32(*found.at(magnitude_name(stored)), module.magnitude.values); !read) return read;
    if (is_stacked) take_expert({module.experts, a, b}, module);
  }
  return {};
}

struct Stack {
  std::vector<float> a, b;
};

// Under PEFT's names. `stacks` keeps what has no memory of its own.
std::map<std::string, TensorToWrite> tensors_to_write(const Adapter& adapter, std::map<std::string, Stack>& stacks) {
  const auto parameters = parameters_of(adapter.modules);
  std::map<std::string, TensorToWrite> tensors;
  for (const auto& module : adapter.modules) {
    const auto stored = std::string(prefix) + stored_module(module.name, module.parameter, parameters);
    if (module.parameter.empty()) {
      tensors.emplace(a_name(stored), TensorToWrite{module.a.shape, module.a.values});
      tensors.emplace(b_name(stored), TensorToWrite{module.b.shape, module.b.values});
      if (!module.magnitude.shape.empty()) tensors.emplace(magnitude_name(stored), TensorToWrite{module.magnitude.shape, module.magnitude.values});
      continue;
    }
    auto& stack = stacks[module.parameter];
    stack.a.resize(module.a.values.size() * static_cast<std::size_t>(module.experts));
    stack.b.resize(module.b.values.size() * static_cast<std::size_t>(module.experts));
    put_expert(module, {module.experts, stack.a, stack.b});
    const auto ranks = module.r * module.experts;
    tensors.emplace(a_name(stored), TensorToWrite{{ranks, module.a.shape[1]}, stack.a});
    tensors.emplace(b_name(stored), TensorToWrite{{module.b.shape[0], ranks}, stack.b});
  }
  return tensors;
}

bool can_be_viewed(const Found& found, const std::vector<SelectedLayer>& selected) {
  const auto is_plain = [](const SelectedLayer& each) { return each.parameter.empty(); };
  return std::all_of(selected.begin(), selected.end(), is_plain) && std::all_of(found.begin(), found.end(), [](const auto& each) {
    const auto& tensor = *each.second;
    return tensor.dtype == Dtype::f32 && reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignof(float) == 0;
  });
}

// Nobody writes to it: the memory is the file's.
Adapter view(const LoraConfig& config, const std::vector<SelectedLayer>& selected, const Found& found, const SafetensorsFile& file) {
  const auto holder = std::make_shared<SafetensorsFile>(file);
  Adapter adapter{config, {}, std::shared_ptr<float[]>(holder, nullptr)};
  const auto tensor_of = [&](const std::string& name) {
    const auto& stored = *found.at(name);
    auto* const values = reinterpret_cast<float*>(const_cast<std::byte*>(stored.bytes.data()));
    return Tensor{stored.shape, {values, stored.count()}};
  };
  for (const auto& each : selected) {
    const auto& name = each.layer.name;
    adapter.modules.push_back({name, each.r, each.scale, tensor_of(a_name(name)), tensor_of(b_name(name)), each.parameter, each.expert, each.experts});
    if (config.use_dora) adapter.modules.back().magnitude = tensor_of(magnitude_name(name));
  }
  return adapter;
}

Result<Adapter> read_adapter(const fs::path& directory, const Decoder& decoder, bool is_view) {
  const auto config_path = directory / "adapter_config.json";
  auto config = read_lora_config(config_path);
  if (!config) return config.error();
  if (config->has_default_targets) config->target_modules = default_targets(decoder);
  const auto selected = select_layers(*config, decoder, false);
  if (!selected) return with_context(selected.error(), config_path.string());
  const auto file = open_tensors(directory);
  if (!file) return file.error();
  const auto path = (directory / "adapter_model.safetensors").string();
  const auto found = strip_prefix(*file, path);
  if (!found) return found.error();
  if (auto complete = check_tensors(*found, *config, *selected, path); !complete) return complete.error();
  if (is_view && can_be_viewed(*found, *selected)) return view(*config, *selected, *found, *file);
  auto adapter = allocate(*config, *selected);
  if (!adapter) return with_context(adapter.error(), path);
  if (auto read = read_tensors(*found, *adapter); !read) return with_context(read.error(), path);
  return adapter;
}

}  // namespace

Result<Adapter> make_adapter(const LoraConfig& config, const Decoder& decoder) {
  const auto selected = select_layers(config, decoder, true);
  if (!selected) {
    auto error = selected.error();
    return invalid("lora." + error.message, "lora." + error.field);
  }
  return allocate(config, *selected);
}

Result<Adapter> load_adapter(const fs::path& directory, const Decoder& decoder) { return read_adapter(directory, decoder, false); }
Result<Adapter> view_adapter(const fs::path& directory, const Decoder& decoder) { return read_adapter(directory, decoder, true); }

Result<void> write_adapter_tensors(const fs::path& file, const Adapter& adapter) {
  std::map<std::string, Stack> stacks;
  const auto tensors = tensors_to_write(adapter, stacks);
  return write_safetensors(file, tensors, {{"format", "pt"}});
}

Result<void> save_adapter(const fs::path& directory, const Adapter& adapter) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) return file_error(directory, failed.value());
  if (auto written = write_adapter_tensors(directory / "adapter_model.safetensors", adapter); !written) return written;
  try {  // last, so that a directory with a configuration has its tensors
    return write_file_durably(directory / "adapter_config.json", lora_config_json(adapter.config, adapter.modules).dump(2) + "\n");
  } catch (const nlohmann::json::exception&) {
    return invalid((directory / "adapter_config.json").string() + ": a name in the LoRA configuration is not UTF-8");
  }
}

}  // namespace luthier::checkpoint
