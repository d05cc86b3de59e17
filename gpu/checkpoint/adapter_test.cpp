#include "gpu/checkpoint/adapter.hpp"

#include "gpu/checkpoint/linear_layers.hpp"
#include "gpu/checkpoint/test_support.hpp"

namespace luthier::checkpoint {
namespace {

Decoder tiny() { return *read_decoder(models / "llama-tiny"); }

std::vector<std::string> names(const Adapter& adapter) {
  std::vector<std::string> result;
  for (const auto& module : adapter.modules) result.push_back(module.name);
  return result;
}

LoraConfig config_of(std::vector<std::string> targets) {
  LoraConfig config;
  config.target_modules = std::move(targets);
  return config;
}

LoraConfig config_matching(const std::string& pattern) {
  LoraConfig config;
  config.target_pattern = pattern;
  return config;
}

// A golden adapter with some members of its configuration changed, loaded; the error's message without the directory.
std::string refusal(const nlohmann::json& changes, const std::string& adapter = "adapter-patterns") {
  TemporaryDirectory directory;
  const auto copy = copy_model(goldens / adapter, directory.path());
  auto config = read_json(copy / "adapter_config.json");
  config.merge_patch(changes);
  for (const auto& [key, value] : changes.items())
    if (value.is_null()) config[key] = nullptr;
  write_bytes(copy / "adapter_config.json", config.dump());
  const auto loaded = load_adapter(copy, tiny());
  if (loaded) return "";
  return loaded.error().message.substr(copy.string().size() + 1);
}

}  // namespace

TEST_CASE("PEFT's adapters are read as PEFT reads them") {
  for (const std::string name : {"llama-tiny-adapter", "adapter-rslora", "adapter-patterns", "adapter-lm-head", "adapter-bf16",
                                 "adapter-regex", "adapter-layers"}) {
    INFO(name);
    const auto adapter = load_adapter((name.starts_with("llama") ? models : goldens) / name, tiny());
    REQUIRE((adapter ? "" : adapter.error().message) == "");
    const auto expected = read_json(goldens / (name + ".digests.json"));
    CHECK(adapter->modules.size() == expected.size());
    for (const auto& module : adapter->modules) {
      INFO(module.name);
      REQUIRE(expected.contains(module.name));
      const auto& value = expected[module.name];
      CHECK(module.r == value["r"].get<std::int64_t>());
      CHECK(module.scale == value["scale"].get<float>());
      CHECK(digest(module.a) == value["a"].get<std::string>());
      CHECK(digest(module.b) == value["b"].get<std::string>());
    }
  }
}

TEST_CASE("an adapter that is saved and loaded again is the same") {
  for (const std::string name : {"adapter-rslora", "adapter-patterns", "adapter-lm-head", "adapter-regex", "adapter-layers"}) {
    INFO(name);
    TemporaryDirectory directory;
    const auto before = load_adapter(goldens / name, tiny());
    REQUIRE(save_adapter(directory.path() / "a", *before));
    const auto after = load_adapter(directory.path() / "a", tiny());
    REQUIRE((after ? "" : after.error().message) == "");
    CHECK(names(*after) == names(*before));
    CHECK(after->config.rank_pattern == before->config.rank_pattern);
    CHECK(after->config.alpha_pattern == before->config.alpha_pattern);
    CHECK(after->config.use_rslora == before->config.use_rslora);
    CHECK(after->config.base_model_name_or_path == "llama-tiny");
    for (std::size_t i = 0; i < after->modules.size(); ++i) {
      CHECK(after->modules[i].scale == before->modules[i].scale);
      CHECK(digest(after->modules[i].a) == digest(before->modules[i].a));
      CHECK(digest(after->modules[i].b) == digest(before->modules[i].b));
    }
  }
}

TEST_CASE("the written adapter_config.json has what PEFT and vLLM ask for") {
  TemporaryDirectory directory;
  REQUIRE(save_adapter(directory.path(), *make_adapter(config_matching("all-linear"), tiny())));
  const auto config = read_json(directory.path() / "adapter_config.json");
  CHECK(config["peft_type"] == "LORA");
  CHECK(config["task_type"] == "CAUSAL_LM");
  CHECK(config["r"] == 8);
  CHECK(config["lora_alpha"].is_number_integer());
  CHECK(config["target_modules"] == nlohmann::json({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}));
  for (const auto* member : {"base_model_name_or_path", "bias", "use_dora", "use_rslora", "fan_in_fan_out", "inference_mode",
                             "init_lora_weights", "modules_to_save", "lora_dropout", "rank_pattern", "alpha_pattern", "revision"})
    CHECK(config.contains(member));
}

TEST_CASE("target modules select as PEFT selects") {
  const auto selected = [](const LoraConfig& config) { return names(*make_adapter(config, tiny())).size(); };
  CHECK(selected(config_of({"q_proj"})) == 2);
  CHECK(selected(config_of({"self_attn.q_proj", "layers.1.mlp.up_proj"})) == 3);
  CHECK(selected(config_of({"model.layers.0.mlp.up_proj", "lm_head"})) == 2);
  CHECK(selected(config_matching("All-Linear")) == 14);  // not lm_head
  CHECK(selected(config_matching(".*_proj")) == 14);
  CHECK(selected(config_matching(R"(.*\.(?:q|k)_proj|lm_head)")) == 5);
  CHECK(selected(config_matching("^(?!.*mlp).*_proj$")) == 8);
  auto excluding = config_matching(".*_proj");
  excluding.exclude_modules = {"mlp.up_proj"};
  CHECK(selected(excluding) == 12);
  auto named = config_of({"q_proj", "model.layers.0.self_attn.k_proj"});
  named.layers_to_transform = {1};
  CHECK(names(*make_adapter(named, tiny())) ==
        std::vector<std::string>{"model.layers.0.self_attn.k_proj", "model.layers.1.self_attn.q_proj"});
}

TEST_CASE("a new adapter has zeroed tensors of the right shapes, in the order of the network") {
  auto config = config_of({"down_proj", "k_proj"});
  config.r = 4;
  config.alpha = 8;
  config.use_rslora = true;
  const auto adapter = make_adapter(config, tiny());
  REQUIRE(adapter);
  CHECK(names(*adapter) == std::vector<std::string>{"model.layers.0.self_attn.k_proj", "model.layers.0.mlp.down_proj",
                                                    "model.layers.1.self_attn.k_proj", "model.layers.1.mlp.down_proj"});
  const auto& down = adapter->modules[1];
  CHECK(down.a.shape == std::vector<std::int64_t>{4, 96});
  CHECK(down.b.shape == std::vector<std::int64_t>{64, 4});
  CHECK(down.scale == 4.0f);  // 8 / sqrt(4)
  for (const float value : down.a.values) CHECK(value == 0);
}

TEST_CASE("a configuration that cannot be trained is refused with its member") {
  const auto field = [](LoraConfig config) { return make_adapter(config, tiny()).error().field; };
  for (const std::int64_t r : {0, -1, 4097}) {
    auto config = config_of({"q_proj"});
    config.r = r;
    CHECK(field(config) == "lora.r");
    CHECK(make_adapter(config, tiny()).error().message == "lora.r: " + std::to_string(r) + " is not between 1 and 4096");
  }
  auto config = config_of({"q_proj"});
  config.alpha = std::numeric_limits<double>::quiet_NaN();
  CHECK(field(config) == "lora.alpha");
  config = config_of({"q_proj"});
  config.dropout = 1;
  CHECK(field(config) == "lora.dropout");
  CHECK(field(config_of({})) == "lora.target_modules");
  CHECK(field(config_of({"q_proj", "qproj"})) == "lora.target_modules");
  CHECK(field(config_matching("q_proj")) == "lora.target_modules");
  CHECK(field(config_matching("(")) == "lora.target_modules");
}

TEST_CASE("a regular expression that backtracks without end is an error, not a hang") {
  const auto refused = make_adapter(config_matching("((.*)*)*x"), tiny());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "lora.target_modules");
  CHECK_FALSE(make_adapter(config_matching(std::string(5000, '(') + "a" + std::string(5000, ')')), tiny()));
  CHECK_FALSE(make_adapter(config_matching("(?R)"), tiny()));
  CHECK_FALSE(make_adapter(config_matching("((((a{60000}){60000}){60000}){60000})"), tiny()));
}

TEST_CASE("adapters that would compute something else are refused by member") {
  CHECK(refusal(nlohmann::json::object()) == "");
  CHECK(refusal({{"peft_type", "IA3"}}) == "adapter_config.json: peft_type: IA3 is not supported; LORA is");
  CHECK(refusal({{"peft_type", nullptr}}) == "adapter_config.json: peft_type: is missing");
  CHECK(refusal({{"modules_to_save", {"lm_head"}}}).starts_with("adapter_config.json: modules_to_save: "));
  CHECK(refusal({{"modules_to_save", nlohmann::json::array()}}) == "");
  CHECK(refusal({{"bias", "all"}}).starts_with("adapter_config.json: bias: "));
  CHECK(refusal({{"fan_in_fan_out", true}}).starts_with("adapter_config.json: fan_in_fan_out: "));
  CHECK(refusal({{"init_lora_weights", "pissa"}}).starts_with("adapter_config.json: init_lora_weights: pissa "));
  CHECK(refusal({{"init_lora_weights", "gaussian"}}) == "");
  CHECK(refusal({{"r", 0}}) == "adapter_config.json: r: 0 is not between 1 and 4096");
  CHECK(refusal({{"r", "4"}}) == "adapter_config.json: r: is not an integer");
  CHECK(refusal({{"rank_pattern", {{"q_proj", -1}}}}) == "adapter_config.json: rank_pattern: q_proj: -1 is not between 1 and 4096");
  CHECK(refusal({{"rank_pattern", {1}}}).starts_with("adapter_config.json: rank_pattern: is not an object"));
  CHECK(refusal({{"lora_alpha", {}}, {"r", 4}}) == "");  // null: PEFT's default, overridden for down_proj only
  CHECK(refusal({{"target_modules", {1}}}) == "adapter_config.json: target_modules: is not a list of strings");
  CHECK(refusal({{"target_modules", "["}}).starts_with("adapter_config.json: target_modules: the regular expression [ is wrong"));
  CHECK(refusal({{"target_modules", {"conv"}}}).starts_with("adapter_config.json: target_modules: selects no linear layer"));
  CHECK(refusal({{"layers_to_transform", {-1}}}).starts_with("adapter_config.json: layers_to_transform: -1 is not"));
}

TEST_CASE("tensors that are missing, left over or of another shape are named") {
  CHECK(refusal({{"r", 5}}) == "adapter_model.safetensors: tensor model.layers.0.mlp.down_proj.lora_A.weight: has shape [4, 96], not [5, 96]");
  CHECK(refusal({{"target_modules", {"q_proj", "down_proj", "k_proj"}}}) ==
        "adapter_model.safetensors: tensor model.layers.0.self_attn.k_proj.lora_A.weight: is missing");
  CHECK(refusal({{"target_modules", {"q_proj"}}}) ==
        "adapter_model.safetensors: tensor model.layers.0.mlp.down_proj.lora_A.weight: belongs to no layer that "
        "adapter_config.json selects in this model");
}

TEST_CASE("an adapter of an embedding is refused as such") {
  TemporaryDirectory directory;
  const auto copy = copy_model(goldens / "adapter-rslora", directory.path());
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, TensorToWrite> tensors;
  {
    const auto file = SafetensorsFile::open(copy / "adapter_model.safetensors");
    REQUIRE(file);
    for (const auto& [name, tensor] : file->tensors()) {
      values[name].resize(tensor.count());
      REQUIRE(to_f32(tensor, values[name]));
      tensors.emplace(name, TensorToWrite{tensor.shape, values[name]});
    }
  }
  const std::string name = "model.embed_tokens.lora_embedding_A";
  values[name].resize(8);
  tensors.emplace("base_model.model." + name, TensorToWrite{{2, 4}, values[name]});
  std::filesystem::remove(copy / "adapter_model.safetensors");
  REQUIRE(write_safetensors(copy / "adapter_model.safetensors", tensors, {}, StoreAs::f32));
  CHECK(load_adapter(copy, tiny()).error().message == (copy / "adapter_model.safetensors").string() + ": tensor " + name +
                                                          ": adapts an embedding, which is not supported; adapters of linear layers, experts and routers are");
}

TEST_CASE("an adapter whose files are missing or broken is refused with the file's name") {
  TemporaryDirectory directory;
  const auto copy = copy_model(goldens / "adapter-rslora", directory.path());
  const auto tensors = copy / "adapter_model.safetensors";
  const auto bytes = read_bytes(tensors);
  write_bytes(tensors, bytes.substr(0, bytes.size() - 100));
  CHECK(load_adapter(copy, tiny()).error().message ==
        tensors.string() + ": tensor model.layers.1.self_attn.v_proj.lora_B.weight: 100 bytes are missing");
  std::filesystem::remove(tensors);
  CHECK(load_adapter(copy, tiny()).error().code == ErrorCode::not_found);
  write_bytes(copy / "adapter_model.bin", "");
  CHECK(load_adapter(copy, tiny()).error().code == ErrorCode::invalid);
  std::filesystem::remove(copy / "adapter_config.json");
  CHECK(load_adapter(copy, tiny()).error().message == (copy / "adapter_config.json").string() + ": No such file or directory");
}

}  // namespace luthier::checkpoint
