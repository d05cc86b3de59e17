// Adapters trained and asked over a base that is kept in fewer bits.
#include <catch2/catch.hpp>
#include <sstream>

#include "gpu/checkpoint/adapter.hpp"
#include "gpu/checkpoint/checkpoint.hpp"
#include "gpu/train/commands.hpp"
#include "gpu/train/merge.hpp"
#include "gpu/train/test_support.hpp"
#include "gpu/train/trainer.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

const std::vector<std::string> storages{"bf16", "int8", "nf4"};

// A copy of a model whose weights are what the storage makes of them: what f32 computes with it is what the storage must.
void write_rounded(const std::filesystem::path& model, const std::string& storage, const std::filesystem::path& into) {
  const auto wide = take(checkpoint::load_model(model));
  const auto stored = take(checkpoint::load_model(model, 0, *checkpoint::base_storage_of(storage)));
  for (const auto& [name, tensor] : stored.weights.tensors())
    if (tensor.stored) checkpoint::decode_plain(tensor.stored, 0, wide.weights.find(name)->values);
  std::filesystem::copy(model, into, std::filesystem::copy_options::recursive);
  REQUIRE(checkpoint::save_model(into, wide.decoder, wide.weights));
}

TrainRequest request_for(const std::filesystem::path& model, const std::string& storage, const std::filesystem::path& out, bool merge = false) {
  json config = read_json(goldens / "curve.lora.json")["config"];
  config["max_steps"] = 6;
  config["base_storage"] = storage;
  config["merge"] = merge;
  TrainRequest request;
  request.model = model;
  request.data = goldens / "curve.rows.jsonl";
  request.out = out;
  request.config = take(parse_training_config(config.dump()));
  return request;
}

}  // namespace

TEST_CASE("a stored base's logits, loss, adapter gradients and trained adapter are those of f32 with the rounded weights") {
  for (const auto& storage : storages) {
    INFO(storage);
    TemporaryDirectory directory;
    const auto original = goldens / "tied", rounded = directory / "rounded";
    write_rounded(original, storage, rounded);

    LogitsOptions ask{.model = rounded, .adapter = goldens / "lora-all", .tokens = "[[1,2,3,4,5,6,7],[9,8]]", .out = directory / "f32"};
    REQUIRE(run(logits, ask).code == 0);
    ask.model = original;
    ask.out = directory / "exact";
    REQUIRE(run(logits, ask).code == 0);
    ask.base_storage = storage;
    ask.out = directory / "stored";
    REQUIRE(run(logits, ask).code == 0);
    check_close(read_tensors(directory / "stored"), read_tensors(directory / "f32"), 1e-5);
    CHECK(difference(read_tensors(directory / "stored").at("logits.0"), read_tensors(directory / "exact").at("logits.0")) > 1e-4);

    LossOptions weigh{.model = rounded, .adapter = goldens / "lora-all", .data = goldens / "rows.jsonl", .gradients = directory / "f32.gradients"};
    const auto expected = run(loss, weigh);
    weigh.model = original;
    weigh.base_storage = storage;
    weigh.gradients = directory / "stored.gradients";
    const auto got = run(loss, weigh);
    REQUIRE(expected.code == 0);
    REQUIRE(got.code == 0);
    CHECK(json::parse(got.out)["loss"].get<double>() == Approx(json::parse(expected.out)["loss"].get<double>()).epsilon(1e-6));
    check_close(read_tensors(directory / "stored.gradients"), read_tensors(directory / "f32.gradients"), 1e-4);

    take(train::train(request_for(rounded, "f32", directory / "a"), {}));
    take(train::train(request_for(original, storage, directory / "b"), {}));
    check_close(read_tensors(directory / "b/adapter_model.safetensors"), read_tensors(directory / "a/adapter_model.safetensors"), 1e-3);
  }
}

TEST_CASE("an adapter of a stored base is merged into the checkpoint's own weights") {
  TemporaryDirectory directory;
  const auto original = goldens / "tied";
  take(train::train(request_for(original, "nf4", directory / "adapter"), {}));
  take(train::train(request_for(original, "nf4", directory / "merged", true), {}));
  const auto expected = take(checkpoint::load_model(original));
  merge_adapter(take(checkpoint::load_adapter(directory / "adapter", expected.decoder)), const_cast<checkpoint::Weights&>(expected.weights));
  const auto merged = take(checkpoint::load_model(directory / "merged"));
  for (const auto& [name, tensor] : expected.weights.tensors()) {
    INFO(name);
    CHECK(difference({merged.weights.find(name)->values.begin(), merged.weights.find(name)->values.end()}, {tensor.values.begin(), tensor.values.end()}) < 1e-6);
  }
}

TEST_CASE("what needs whole weights is refused by the member's name, and a run does not go on with another storage") {
  for (const char* text : {R"({"method": "full", "base_storage": "nf4"})", R"({"base_storage": "fp8"})", R"({"base_storage": 4})"}) {
    const auto config = parse_training_config(text);
    REQUIRE_FALSE(config);
    CHECK(config.error().field == "base_storage");
  }
  for (const auto name : checkpoint::base_storage_names) {
    const auto config = take(parse_training_config(json{{"base_storage", name}}.dump()));
    CHECK(checkpoint::to_string(config.base_storage) == name);
    CHECK(canonical_json(take(parse_training_config(canonical_json(config)))) == canonical_json(config));
    CHECK((canonical_json(config).find("base_storage") == std::string::npos) == (name == "f32"));
  }
  TemporaryDirectory directory;
  const LossOptions all{.model = goldens / "tied", .adapter = {}, .data = goldens / "rows.jsonl", .gradients = directory / "g", .base_storage = "int8"};
  CHECK(run(loss, all).err.find("--base-storage int8") != std::string::npos);
  const LogitsOptions twice{.model = goldens / "tied", .adapter = {}, .tokens = "[[1]]", .dtype = "bf16", .base_storage = "bf16", .out = directory / "x"};
  CHECK(run(logits, twice).err.find("--base-storage") != std::string::npos);

  auto request = request_for(goldens / "tied", "nf4", directory / "out");
  request.checkpoint_directory = directory / "checkpoints";
  TrainHooks stop;
  int calls = 0;
  stop.wish = [&] { return calls++ == 2 ? Wish::stop : Wish::go_on; };
  CHECK(take(train::train(request, stop)).stopped);
  request.config.base_storage = checkpoint::BaseStorage::f32;
  CHECK_FALSE(train::train(request, {}));
  request.config.base_storage = checkpoint::BaseStorage::nf4;
  CHECK(take(train::train(request, {})).resumed_from_step == 2);
}
