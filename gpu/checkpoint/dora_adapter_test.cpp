// Adapters with magnitudes, as PEFT writes them (tests/golden/make_dora_goldens.py).
#include "gpu/checkpoint/adapter.hpp"

#include "gpu/checkpoint/safetensors.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

namespace fs = std::filesystem;

const fs::path dora = "tests/golden/dora", train = "tests/golden/train";

using Tensors = std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<float>>>;

Tensors tensors_of(const fs::path& directory) {
  const auto file = SafetensorsFile::open(directory / "adapter_model.safetensors");
  REQUIRE(file);
  Tensors tensors;
  for (const auto& [name, stored] : file->tensors()) {
    auto& [shape, values] = tensors[name];
    shape = stored.shape;
    values.resize(stored.count());
    REQUIRE(to_f32(stored, values));
  }
  return tensors;
}

// Of a copy of PEFT's adapter on the tied model, spoilt.
template <class Spoil>
std::string refusal(Spoil spoil) {
  TemporaryDirectory directory;
  const auto copy = copy_model(dora / "tied", directory.path());
  auto config = read_json(copy / "adapter_config.json");
  auto tensors = tensors_of(copy);
  spoil(config, tensors);
  write_bytes(copy / "adapter_config.json", config.dump());
  std::map<std::string, TensorToWrite> out;
  for (auto& [name, tensor] : tensors) out.emplace(name, TensorToWrite{tensor.first, tensor.second});
  REQUIRE(write_safetensors(copy / "adapter_model.safetensors", out, {}));
  const auto loaded = load_adapter(copy, *read_decoder(train / "tied"));
  return loaded ? "" : loaded.error().message.substr(copy.string().size() + 1);
}

const std::string own = "base_model.model.model.layers.0.mlp.down_proj.lora_magnitude_vector", plain = "model.layers.0.mlp.down_proj.lora_magnitude_vector";

}  // namespace

TEST_CASE("PEFT's magnitudes are read, and written again under PEFT's names") {
  const auto cases = read_json(dora / "cases.json");
  for (const auto& [name, answer] : cases.items()) {
    INFO(name);
    const auto decoder = read_decoder(fs::path("tests/golden") / answer["base"].get<std::string>());
    REQUIRE(decoder);
    const auto adapter = load_adapter(dora / name, *decoder);
    REQUIRE((adapter ? "" : adapter.error().message) == "");
    CHECK(adapter->config.use_dora);
    for (const auto& module : adapter->modules) CHECK(module.magnitude.shape == std::vector{module.b.shape[0]});
    TemporaryDirectory directory;
    REQUIRE(save_adapter(directory.path() / "a", *adapter));
    CHECK(read_json(directory.path() / "a" / "adapter_config.json")["use_dora"] == true);
    auto before = tensors_of(dora / name);
    before.erase("base_model.model.lm_head.base_layer.weight");  // PEFT's copy of the base's own
    CHECK(tensors_of(directory.path() / "a") == before);
  }
  CHECK(cases.size() == 5);
}

TEST_CASE("a new adapter with magnitudes has one for each output of its layers") {
  LoraConfig config;
  config.target_modules = {"k_proj", "down_proj"};
  config.r = 4;
  config.use_dora = true;
  const auto adapter = make_adapter(config, *read_decoder(train / "tied"));
  REQUIRE(adapter);
  CHECK(adapter->modules[0].magnitude.shape == std::vector<std::int64_t>{16});
  CHECK(adapter->modules[1].magnitude.shape == std::vector<std::int64_t>{32});
  CHECK(adapter->modules[1].values() == 4 * 48 + 32 * 4 + 32);
}

TEST_CASE("magnitudes that are missing, left over or of another shape are named") {
  CHECK(refusal([](auto&, auto&) {}) == "");
  CHECK(refusal([](auto&, auto& tensors) { tensors.erase(own); }) == "adapter_model.safetensors: tensor " + plain + ": is missing");
  CHECK(refusal([](auto&, auto& tensors) { tensors[own].first = {32, 1}; }) ==
        "adapter_model.safetensors: tensor " + plain + ": has shape [32, 1], not [32]");
  CHECK(refusal([](auto& config, auto&) { config["use_dora"] = false; }) ==
        "adapter_model.safetensors: tensor " + plain + ": belongs to no layer that adapter_config.json selects in this model");
  CHECK(refusal([](auto& config, auto&) { config["use_dora"] = "yes"; }).starts_with("adapter_config.json: use_dora: "));
  // As PEFT calls it in memory: it takes that name too.
  CHECK(refusal([](auto&, auto& tensors) { tensors[own + ".weight"] = std::exchange(tensors[own], {}), tensors.erase(own); }) == "");
}

TEST_CASE("experts and routers have no magnitudes, as with PEFT") {
  LoraConfig config;
  config.target_parameters = {"mlp.experts.down_proj"};
  config.use_dora = true;
  const auto refused = make_adapter(config, *read_decoder("tests/golden/families/gpt-oss"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "lora.use_dora");
  CHECK(refused.error().message == "lora.use_dora: must be false with target_parameters: PEFT gives experts and routers no magnitudes");
}

}  // namespace luthier::checkpoint
