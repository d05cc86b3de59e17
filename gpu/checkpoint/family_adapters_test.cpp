// Adapters of several families, as PEFT saves them: tests/golden/make_family_goldens.py.
#include <algorithm>

#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;

const fs::path families = "tests/golden/families";

std::vector<float> values_of(const SafetensorsFile& file, const std::string& name) {
  const auto* tensor = file.find(name);
  REQUIRE(tensor != nullptr);
  std::vector<float> values(tensor->count());
  REQUIRE(to_f32(*tensor, values));
  return values;
}

const LoraModule& module_of(const Adapter& adapter, const std::string& name) {
  const auto found = std::find_if(adapter.modules.begin(), adapter.modules.end(), [&](const auto& each) { return each.name == name; });
  REQUIRE(found != adapter.modules.end());
  return *found;
}

std::string refusal(const std::string& family, const LoraConfig& config) {
  const auto adapter = make_adapter(config, *read_decoder(families / family));
  return adapter ? "" : adapter.error().message;
}

LoraConfig on(std::vector<std::string> modules, std::vector<std::string> parameters) {
  LoraConfig config;
  config.target_modules = std::move(modules);
  config.target_parameters = std::move(parameters);
  return config;
}

}  // namespace

TEST_CASE("an adapter of any family is written as PEFT wrote it") {
  int adapters = 0;
  for (const auto& entry : fs::directory_iterator(families)) {
    if (!fs::exists(entry.path() / "adapter")) continue;
    INFO(entry.path().filename());
    ++adapters;
    const auto decoder = read_decoder(entry.path());
    REQUIRE(decoder);
    const auto adapter = load_adapter(entry.path() / "adapter", *decoder);
    REQUIRE((adapter ? "" : adapter.error().message) == "");
    const auto scratch = TemporaryDirectory::make();
    REQUIRE(scratch);
    REQUIRE(save_adapter(scratch->path() / "copy", *adapter));
    const auto ours = SafetensorsFile::open(scratch->path() / "copy" / "adapter_model.safetensors");
    const auto theirs = SafetensorsFile::open(entry.path() / "adapter" / "adapter_model.safetensors");
    REQUIRE(ours);
    REQUIRE(theirs);
    CHECK(ours->tensors().size() == theirs->tensors().size());
    for (const auto& [name, tensor] : theirs->tensors()) {
      INFO(name);
      CHECK(values_of(*ours, name) == values_of(*theirs, name));
      CHECK(ours->find(name)->shape == tensor.shape);
    }
    const auto before = read_json(entry.path() / "adapter" / "adapter_config.json"), after = read_json(scratch->path() / "copy" / "adapter_config.json");
    for (const auto* member : {"target_parameters", "r", "lora_alpha", "use_rslora", "rank_pattern"}) CHECK(after[member] == before[member]);
  }
  CHECK(adapters == 6);
}

TEST_CASE("each expert's part of a stacked adapter is a module of its own") {
  const auto decoder = read_decoder(families / "gpt-oss");
  REQUIRE(decoder);
  const auto adapter = load_adapter(families / "gpt-oss" / "adapter", *decoder);
  REQUIRE(adapter);
  const auto file = SafetensorsFile::open(families / "gpt-oss" / "adapter" / "adapter_model.safetensors");
  REQUIRE(file);
  const std::string stored = "base_model.model.model.layers.1.mlp.experts.";
  const auto a = values_of(*file, stored + "base_layer.lora_A.weight"), b = values_of(*file, stored + "base_layer.lora_B.weight");
  const auto& module = module_of(*adapter, "model.layers.1.mlp.experts.4.gate_up_proj");
  CHECK(module.parameter == "model.layers.1.mlp.experts.gate_up_proj");
  CHECK(module.expert == 4);
  REQUIRE(module.a.shape == std::vector<std::int64_t>{2, 32});
  REQUIRE(module.b.shape == std::vector<std::int64_t>{64, 2});
  CHECK(module.a.values[32 + 5] == a[(4 * 2 + 1) * 32 + 5]);
  CHECK(module.b.values[7 * 2 + 1] == b[7 * 12 + 1 * 6 + 4]);
  CHECK(module_of(*adapter, "model.layers.1.mlp.experts.0.down_proj").b.shape == std::vector<std::int64_t>{32, 2});
}

TEST_CASE("what cannot be adapted is refused with what there is in this model") {
  CHECK(refusal("phi3", on({"q_proj"}, {})) ==
        "lora.target_modules: selects no linear layer; qkv_proj, o_proj, gate_up_proj, down_proj and lm_head are there");
  CHECK(refusal("phi3", on({"o_proj", "q_proj"}, {})) ==
        "lora.target_modules: q_proj is no linear layer of this model; qkv_proj, o_proj, gate_up_proj, down_proj and lm_head are");
  CHECK(refusal("bert", on({"q_proj"}, {})) == "lora.target_modules: selects no linear layer; query, key, value and dense are there");
  CHECK(refusal("gpt-oss", on({"q_proj"}, {"experts.up_proj"})) ==
        "lora.target_parameters: experts.up_proj is none of this model; mlp.experts.gate_up_proj, mlp.experts.down_proj and "
        "mlp.router.weight are there");
  CHECK(refusal("qwen3", on({}, {"experts.down_proj"})) == "lora.target_parameters: selects no parameter; this model has no experts");
  auto config = on({}, {"experts.down_proj"});
  config.dropout = 0.1;
  CHECK(refusal("gpt-oss", config) == "lora.dropout: must be 0 with target_parameters, which PEFT adds to the weights themselves");
}

TEST_CASE("all linear layers are written out by name") {
  LoraConfig config;
  config.target_pattern = "all-linear";
  const auto targets = [&](const std::string& family) {
    const auto adapter = make_adapter(config, *read_decoder(families / family));
    REQUIRE(adapter);
    const auto scratch = TemporaryDirectory::make();
    REQUIRE(scratch);
    REQUIRE(save_adapter(scratch->path() / "a", *adapter));
    return read_json(scratch->path() / "a" / "adapter_config.json")["target_modules"];
  };
  CHECK(targets("phi3") == nlohmann::json{"qkv_proj", "o_proj", "gate_up_proj", "down_proj"});
  CHECK(targets("gpt-oss") == nlohmann::json{"q_proj", "k_proj", "v_proj", "o_proj"});
  CHECK(targets("bert").size() == 12);
  CHECK(targets("bert")[3] == "encoder.layer.0.attention.output.dense");
}

}  // namespace luthier::checkpoint
