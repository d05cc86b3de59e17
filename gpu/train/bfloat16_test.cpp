// Training with products in bf16, against PyTorch's curves in f32 and against our own.
#include <catch2/catch.hpp>

#include "gpu/train/commands.hpp"
#include "gpu/train/test_runs.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

TrainRequest request_in(const std::string& model, json config, const std::filesystem::path& out, const std::string& dtype = "bf16") {
  config["dtype"] = dtype;
  return request_for(model, config, out);
}

// Each step's loss within a hundredth of what f32 has; and not the same, or nothing was in bf16.
void check_curve(const std::vector<json>& lines, const std::vector<json>& expected, double limit = 0.01) {
  REQUIRE(lines.size() == expected.size());
  double most = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    INFO("step " << i + 1);
    const double loss = lines[i]["loss"], wide = expected[i]["loss"];
    CHECK(loss == Approx(wide).epsilon(limit));
    CHECK(lines[i]["grad_norm"].get<double>() == Approx(expected[i]["grad_norm"].get<double>()).epsilon(0.1));
    most = std::max(most, std::abs(loss / wide - 1));
  }
  CHECK(most > 1e-6);
}

}  // namespace

TEST_CASE("20 steps in bf16 have PyTorch's losses in f32 within one percent, of an adapter and of all weights") {
  for (const auto& [name, model] : {std::pair<std::string, std::string>{"lora", "tied"}, {"full", "biased"}}) {
    INFO(name);
    TemporaryDirectory directory;
    const auto golden = read_json(goldens / ("curve." + name + ".json"));
    auto request = request_in(model, golden["config"], directory / "out");
    if (name == "lora") request.adapter = goldens / "lora-all";
    CHECK(take(train::train(request, {})).steps == 20);
    check_curve(read_lines(request.out / "metrics.jsonl"), golden["curve"]);
  }
}

TEST_CASE("preferences and a teacher in bf16 train as in f32") {
  TemporaryDirectory directory;
  for (const auto& [name, model] : {std::pair<std::string, std::string>{"dpo.lora", "tied"}, {"dpo.full", "biased"}, {"distillation", "tied"}}) {
    INFO(name);
    const auto golden = read_json(goldens / (name + ".json"));
    auto request = request_in(model, golden["config"], directory / name);
    if (name.starts_with("dpo")) request.data = goldens / "dpo.rows.jsonl";
    if (name == "distillation") request.teacher = goldens / "teacher";
    if (model == "tied") request.adapter = goldens / "lora-all";
    take(train::train(request, {}));
    check_curve(read_lines(request.out / "metrics.jsonl"), golden["curve"]);
  }
  // A student that is its reference has the loss of a coin: both are multiplied alike.
  json config = read_json(goldens / "dpo.full.json")["config"];
  config["max_steps"] = 1;
  auto request = request_in("biased", config, directory / "coin");
  request.data = goldens / "dpo.rows.jsonl";
  CHECK(take(train::train(request, {})).first_loss == Approx(std::log(2.0)).epsilon(1e-5));
}

TEST_CASE("triples in bf16 train as in f32") {
  const std::filesystem::path triples = "tests/golden/contrastive";
  TemporaryDirectory directory;
  const auto model = directory / "model";
  std::filesystem::copy("tests/golden/families/llama-bidirectional", model, std::filesystem::copy_options::recursive);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) std::filesystem::copy_file(triples / file, model / file);
  std::filesystem::create_directory(model / "1_Pooling");
  write_text(model / "1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true})");
  const auto golden = read_json(triples / "llama-bidirectional.json");
  auto request = request_in("tied", golden["config"], directory / "out");
  request.model = model;
  request.data = triples / "rows.jsonl";
  take(train::train(request, {}));
  check_curve(read_lines(request.out / "metrics.jsonl"), golden["curve"], 0.05);  // similarities count fifty times in the loss
}

TEST_CASE("what changes how a step is computed changes nothing in bf16 that it does not change in f32") {
  TemporaryDirectory directory;
  json config = read_json(goldens / "curve.lora.json")["config"];
  config["max_steps"] = 5;
  config["packing"] = true;
  config["gradient_accumulation"] = 3;
  for (const char* storage : {"f32", "nf4", "int8"}) {
    INFO(storage);
    config["base_storage"] = storage;
    const auto narrow = request_in("tied", config, directory / ("narrow-" + std::string(storage)));
    const auto wide = request_in("tied", config, directory / ("wide-" + std::string(storage)), "f32");
    take(train::train(narrow, {}));
    take(train::train(wide, {}));
    check_curve(read_lines(narrow.out / "metrics.jsonl"), read_lines(wide.out / "metrics.jsonl"));
  }
  for (const char* method : {"lora", "full"}) {
    config = read_json(goldens / "curve.lora.json")["config"];
    config["max_steps"] = 5;
    config["method"] = method;
    const auto kept = request_in("tied", config, directory / ("kept-" + std::string(method)));
    config["recompute_activations"] = true;
    const auto again = request_in("tied", config, directory / ("again-" + std::string(method)));
    take(train::train(kept, {}));
    take(train::train(again, {}));
    CHECK(output_of(kept) == output_of(again));
  }
  config = read_json(goldens / "curve.full.json")["config"];
  config["max_steps"] = 5;
  config["max_grad_norm"] = 0;
  config["gradient_accumulation"] = 1;
  const auto at_the_end = request_in("tied", config, directory / "at-the-end");
  config["layerwise_updates"] = true;
  const auto by_layers = request_in("tied", config, directory / "by-layers");
  take(train::train(at_the_end, {}));
  take(train::train(by_layers, {}));
  CHECK(output_of(at_the_end) == output_of(by_layers));
}

TEST_CASE("a run in bf16 that was stopped and started again ends with the bytes of an undisturbed one") {
  for (const std::string method : {"lora", "full"}) {
    TemporaryDirectory directory;
    json config = read_json(goldens / "curve.lora.json")["config"];
    config["method"] = method;
    config["max_steps"] = 5;
    if (method == "lora") config["lora"]["dropout"] = 0.2;
    const auto undisturbed = request_in("tied", config, directory / "straight");
    take(train::train(undisturbed, {}));
    auto request = request_in("tied", config, directory / "out");
    request.checkpoint_directory = directory / "checkpoints";
    TrainHooks stop;
    int calls = 0;
    stop.wish = [&] { return calls++ == 3 ? Wish::stop : Wish::go_on; };
    CHECK(take(train::train(request, stop)).stopped);
    auto other = request;
    other.config.dtype = TrainingConfig::Dtype::f32;
    CHECK_FALSE(train::train(other, {}));
    CHECK(take(train::train(request, {})).resumed_from_step == 3);
    CHECK(output_of(request) == output_of(undisturbed));
    CHECK(read_bytes(request.out / "metrics.jsonl") == read_bytes(undisturbed.out / "metrics.jsonl"));
  }
}

TEST_CASE("an adapter trained in bf16 is merged into the checkpoint's own weights") {
  TemporaryDirectory directory;
  json config = read_json(goldens / "curve.lora.json")["config"];
  config["max_steps"] = 2;
  config["merge"] = true;
  config["learning_rate"] = 0;
  const auto request = request_in("tied", config, directory / "out");
  take(train::train(request, {}));  // of a new adapter, which changes nothing
  CHECK(read_tensors(request.out / "model.safetensors") == read_tensors(request.model / "model.safetensors"));
}

TEST_CASE("gradients in bf16 are near PyTorch's in f32, and what cannot be in bf16 is refused by name") {
  TemporaryDirectory directory;
  LossOptions options{.model = goldens / "tied", .adapter = {}, .data = goldens / "rows.jsonl", .gradients = directory / "g", .dtype = "bf16"};
  const auto golden = read_json(goldens / "full.json")["tied"]["loss"].get<double>();
  REQUIRE(run(loss, options).code == 0);
  check_close(read_tensors(options.gradients), read_tensors(goldens / "tied.gradients.safetensors"), 0.05);
  options.gradients.clear();
  const double got = json::parse(run(loss, options).out)["loss"];
  CHECK(got == Approx(golden).epsilon(0.002));
  CHECK(got != Approx(golden).epsilon(1e-7));
  options.dtype = "f16";
  CHECK(run(loss, options).err.find("--dtype") != std::string::npos);

  auto request = request_in("tied", {{"base_storage", "as_stored"}}, directory / "out");
  const auto refused = train::train(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "base_storage");
  const auto config = take(parse_training_config(R"({"dtype": "bf16"})"));
  CHECK(config.storage() == checkpoint::BaseStorage::bf16);
  CHECK(canonical_json(config).find(R"("dtype":"bf16")") != std::string::npos);
  CHECK(canonical_json(take(parse_training_config(canonical_json(config)))) == canonical_json(config));
}
