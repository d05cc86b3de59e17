// Training with magnitudes, against transformers' Trainer and PEFT (tests/golden/make_dora_goldens.py).
#include <catch2/catch.hpp>

#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/train/adapter_start.hpp"
#include "gpu/train/merge.hpp"
#include "gpu/train/plan.hpp"
#include "gpu/train/test_runs.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

const std::filesystem::path dora = "tests/golden/dora";

json config_with(const json& changes) {
  auto config = read_json(dora / "curve.json")["config"];
  config.merge_patch(changes);
  return config;
}

}  // namespace

TEST_CASE("steps of DoRA follow transformers' Trainer, decay of magnitudes and LoRA+ among it, to the same tensors") {
  for (const std::string name : {"curve", "curve.plus"}) {
    INFO(name);
    TemporaryDirectory directory;
    const auto expected = read_json(dora / (name + ".json"));
    auto request = request_for("tied", expected["config"], directory / "out");
    request.adapter = dora / "tied";
    take(train::train(request, {}));
    const auto lines = read_lines(directory / "out/metrics.jsonl");
    REQUIRE(lines.size() == expected["curve"].size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      INFO("step " << i + 1);
      CHECK(lines[i]["loss"].get<double>() == Approx(expected["curve"][i]["loss"].get<double>()).epsilon(1e-4));
      CHECK(lines[i]["grad_norm"].get<double>() == Approx(expected["curve"][i]["grad_norm"].get<double>()).epsilon(5e-4));
    }
    check_close(read_tensors(directory / "out/adapter_model.safetensors"), read_tensors(dora / (name + ".safetensors")), 5e-4);
    CHECK(read_json(directory / "out/adapter_config.json")["use_dora"] == true);
    CHECK(read_bytes(directory / "out/README.md").find(", DoRA |") != std::string::npos);
  }
}

TEST_CASE("the first step of a new adapter has the loss of the base, whatever that is kept as") {
  for (const std::string storage : {"f32", "nf4"}) {
    TemporaryDirectory directory;
    json lora = config_with({{"max_steps", 1}, {"base_storage", storage}}), plain = lora;
    plain["lora"]["use_dora"] = false;
    take(train::train(request_for("tied", lora, directory / "dora"), {}));
    take(train::train(request_for("tied", plain, directory / "plain"), {}));
    const auto loss = [&](const char* out) { return read_lines(directory / out / "metrics.jsonl")[0]["loss"].get<double>(); };
    CHECK(loss("dora") == Approx(loss("plain")).epsilon(1e-6));
  }
}

TEST_CASE("a run with magnitudes and dropout that was stopped and started again ends with the same bytes") {
  for (const std::string states : {"f32", "bf16"}) {
    TemporaryDirectory directory;
    const auto config = config_with({{"max_steps", 6}, {"shuffle", true}, {"lora", {{"dropout", 0.2}}}, {"optimizer_states", states}, {"recompute_activations", states == "bf16"}});
    const auto undisturbed = request_for("tied", config, directory / "straight");
    take(train::train(undisturbed, {}));
    auto request = request_for("tied", config, directory / "out");
    request.checkpoint_directory = directory / "checkpoints";
    TrainHooks hooks;
    hooks.wish = [calls = std::make_shared<int>(0)] { return (*calls)++ == 3 ? Wish::stop : Wish::go_on; };
    CHECK(take(train::train(request, hooks)).stopped);
    CHECK(take(train::train(request, {})).resumed_from_step == 3);
    CHECK(output_of(request) == output_of(undisturbed));
    CHECK(read_bytes(request.out / "metrics.jsonl") == read_bytes(undisturbed.out / "metrics.jsonl"));
  }
}

TEST_CASE("a merged layer is the one that PEFT merges") {
  const auto model = take(checkpoint::load_model(goldens / "biased"));
  auto weights = model.weights;
  const auto adapter = take(checkpoint::load_adapter(dora / "part", model.decoder));
  merge_adapter(adapter, weights);
  const auto expected = read_tensors(dora / "part.merged.safetensors");
  CHECK(expected.size() == 2);
  for (const auto& [name, values] : expected) {
    INFO(name);
    const auto merged = weights.find(name)->values;
    CHECK(difference({merged.begin(), merged.end()}, values) < 1e-6);
  }
}

TEST_CASE("use_dora is a member of the configuration, and part of what a checkpoint must agree with") {
  const auto config = config_of({{"lora", {{"use_dora", true}}}});
  CHECK(config.lora.use_dora);
  CHECK(json::parse(canonical_json(config))["lora"]["use_dora"] == true);
  CHECK_FALSE(json::parse(canonical_json(config_of(json::object())))["lora"].contains("use_dora"));  // as earlier versions wrote it
  CHECK(parse_training_config(R"({"lora": {"use_dora": 1}})").error().field == "lora.use_dora");
}

TEST_CASE("an adapter to start from stays what it is") {
  const auto decoder = take(checkpoint::read_decoder(goldens / "tied"));
  TrainingConfig config;
  CHECK(take(starting_adapter(config, dora / "tied", decoder)).config.use_dora);
  config.lora.use_dora = true;
  const auto refused = starting_adapter(config, goldens / "lora-all", decoder);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "lora.use_dora");
}

TEST_CASE("a plan counts magnitudes, and what their gradients need") {
  const auto plan = [](const json& lora) {
    TemporaryDirectory directory;
    auto request = request_for("tied", config_with({{"lora", lora}}), directory / "out");
    return take(plan_training({.request = request, .probe_seconds_max = 0}));
  };
  const auto with = plan(json::object()), without = plan({{"use_dora", false}});
  const std::int64_t outputs = 2 * (32 + 16 + 16 + 32 + 48 + 48 + 32);
  CHECK(with.parameters_trained - without.parameters_trained == outputs);
  CHECK(with.memory.optimiser - without.memory.optimiser == static_cast<std::size_t>(2 * outputs * 4));
  CHECK(with.memory.adapter - without.memory.adapter == static_cast<std::size_t>(3 * outputs * 4));  // with their gains and norms
  CHECK(with.memory.activations - without.memory.activations >= static_cast<std::size_t>(with.tokens_at_once * outputs * 4));
}
