#include "gpu/train/trainer.hpp"

#include <catch2/catch.hpp>

#include "gpu/train/preview.hpp"
#include "gpu/train/test_support.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

namespace {

TrainingConfig config_of(const json& object) { return take(parse_training_config(object.dump())); }

TrainRequest request_for(const std::string& model, const json& config, const std::filesystem::path& out) {
  TrainRequest request;
  request.model = goldens / model;
  request.data = goldens / "curve.rows.jsonl";
  request.out = out;
  request.config = config_of(config);
  return request;
}

json lora_config() { return read_json(goldens / "curve.lora.json")["config"]; }

void check_curve(const std::vector<json>& lines, const json& expected) {
  REQUIRE(lines.size() == expected.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    INFO("step " << i + 1);
    CHECK(lines[i]["step"] == expected[i]["step"]);
    CHECK(lines[i]["tokens_read"] == expected[i]["tokens"]);
    CHECK(lines[i]["loss"].get<double>() == Approx(expected[i]["loss"].get<double>()).epsilon(1e-4));
    CHECK(lines[i]["grad_norm"].get<double>() == Approx(expected[i]["grad_norm"].get<double>()).epsilon(5e-4));
    CHECK(lines[i]["lr"].get<double>() == Approx(expected[i]["lr"].get<double>()).epsilon(1e-9).margin(1e-15));
  }
}

// Ends the run before step `at`, as a signal would.
TrainHooks stop_before(std::int64_t at) {
  auto calls = std::make_shared<std::int64_t>(0);
  TrainHooks hooks;
  hooks.wish = [=] { return (*calls)++ == at ? Wish::stop : Wish::go_on; };
  return hooks;
}

std::string output_of(const TrainRequest& request) {
  return read_bytes(request.out / (request.config.method == TrainingConfig::Method::full ? "model.safetensors"
                                                                                          : "adapter_model.safetensors"));
}

}  // namespace

TEST_CASE("20 steps of LoRA follow PEFT's, step by step and to the same weights") {
  TemporaryDirectory directory;
  const auto golden = read_json(goldens / "curve.lora.json");
  auto request = request_for("tied", golden["config"], directory / "out");
  request.adapter = goldens / "lora-all";
  const auto result = take(train::train(request, {}));
  CHECK(result.steps == 20);
  CHECK_FALSE(result.stopped);
  check_curve(read_lines(directory / "out/metrics.jsonl"), golden["curve"]);
  check_close(read_tensors(directory / "out/adapter_model.safetensors"), read_tensors(goldens / "curve.lora.safetensors"), 5e-4);
  const auto config = read_json(directory / "out/adapter_config.json");
  CHECK(config["r"] == 4);
  CHECK(config["lora_alpha"] == 8);
}

TEST_CASE("20 steps on all weights follow PyTorch's, step by step and to the same weights") {
  TemporaryDirectory directory;
  const auto golden = read_json(goldens / "curve.full.json");
  const auto request = request_for("biased", golden["config"], directory / "out");
  take(train::train(request, {}));
  check_curve(read_lines(directory / "out/metrics.jsonl"), golden["curve"]);
  check_close(read_tensors(directory / "out/model.safetensors"), read_tensors(goldens / "curve.full.safetensors"), 5e-4);
  for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json"})
    CHECK(std::filesystem::exists(directory / "out" / file));
}

TEST_CASE("invariant 12: a run that was stopped anywhere and started again ends with the bytes of an undisturbed one") {
  for (const std::string method : {"lora", "full"}) {
    TemporaryDirectory directory;
    json config = lora_config();
    config["method"] = method;
    config["max_steps"] = 7;
    config["shuffle"] = true;
    if (method == "lora") config["lora"]["dropout"] = 0.2;
    const auto undisturbed = request_for("tied", config, directory / "straight");
    take(train::train(undisturbed, {}));
    for (const std::int64_t stop : {1, 3, 6}) {
      auto request = request_for("tied", config, directory / ("out" + std::to_string(stop)));
      request.checkpoint_directory = directory / ("checkpoints" + std::to_string(stop));
      request.checkpoint_every = 2;
      const auto stopped = take(train::train(request, stop_before(stop)));
      CHECK(stopped.stopped);
      CHECK(stopped.steps == stop);
      CHECK_FALSE(std::filesystem::exists(request.out / "adapter_model.safetensors"));
      const auto resumed = take(train::train(request, {}));
      CHECK(resumed.resumed_from_step == stop);
      CHECK(resumed.steps == 7);
      INFO(method << " stopped before step " << stop);
      CHECK(output_of(request) == output_of(undisturbed));
      CHECK(read_bytes(request.out / "metrics.jsonl") == read_bytes(undisturbed.out / "metrics.jsonl"));
    }
  }
}

TEST_CASE("a run killed between two checkpoints goes on from the last one, and a damaged newest one is passed over") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 7;
  const auto undisturbed = request_for("tied", config, directory / "straight");
  take(train::train(undisturbed, {}));
  auto request = request_for("tied", config, directory / "out");
  request.checkpoint_directory = directory / "checkpoints";
  request.checkpoint_every = 2;
  take(train::train(request, stop_before(5)));  // checkpoints of steps 4 and 5 are left
  const auto newest = request.checkpoint_directory / "step-00000005.safetensors";
  REQUIRE(std::filesystem::exists(newest));
  REQUIRE(std::filesystem::exists(request.checkpoint_directory / "step-00000004.safetensors"));
  CHECK_FALSE(std::filesystem::exists(request.checkpoint_directory / "step-00000002.safetensors"));
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) / 2);
  const auto resumed = take(train::train(request, {}));
  CHECK(resumed.resumed_from_step == 4);
  CHECK(output_of(request) == output_of(undisturbed));
  CHECK(read_bytes(request.out / "metrics.jsonl") == read_bytes(undisturbed.out / "metrics.jsonl"));
}

TEST_CASE("a checkpoint of another configuration or of other data is refused by name") {
  TemporaryDirectory directory;
  json config = lora_config();
  auto request = request_for("tied", config, directory / "out");
  request.checkpoint_directory = directory / "checkpoints";
  take(train::train(request, stop_before(2)));

  config["learning_rate"] = 1e-4;
  auto other = request;
  other.config = config_of(config);
  const auto refused = train::train(other, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
  CHECK(refused.error().message.find("configuration") != std::string::npos);

  auto data = request;
  data.data = write_text(directory / "rows.jsonl", read_bytes(request.data) + "{\"input_ids\":[1,2,3],\"labels\":[1,2,3]}\n");
  const auto refused_data = train::train(data, {});
  REQUIRE_FALSE(refused_data);
  CHECK(refused_data.error().message.find("data") != std::string::npos);

  auto model = request;
  model.model = goldens / "biased";
  CHECK_FALSE(train::train(model, {}));
}

TEST_CASE("the same run twice gives the same bytes, and another seed gives another adapter") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 3;
  const auto first = request_for("tied", config, directory / "a"), second = request_for("tied", config, directory / "b");
  take(train::train(first, {}));
  take(train::train(second, {}));
  CHECK(output_of(first) == output_of(second));
  config["seed"] = 2;
  const auto third = request_for("tied", config, directory / "c");
  take(train::train(third, {}));
  CHECK(output_of(first) != output_of(third));
}

TEST_CASE("packed rows give the losses that unpacked rows give") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 1;
  config["gradient_accumulation"] = 1;
  config["batch_size"] = 10;
  const auto apart = request_for("tied", config, directory / "apart");
  config["packing"] = true;
  const auto packed = request_for("tied", config, directory / "packed");
  take(train::train(apart, {}));
  take(train::train(packed, {}));
  const auto one = read_lines(apart.out / "metrics.jsonl")[0], other = read_lines(packed.out / "metrics.jsonl")[0];
  CHECK(one["loss"].get<double>() == Approx(other["loss"].get<double>()).epsilon(1e-6));
  CHECK(one["grad_norm"].get<double>() == Approx(other["grad_norm"].get<double>()).epsilon(1e-5));
}

TEST_CASE("accumulated micro-batches give the step of one large batch") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 4;
  config["warmup_steps"] = 0;
  config["batch_size"] = 6;
  config["gradient_accumulation"] = 1;
  const auto together = request_for("tied", config, directory / "together");
  config["batch_size"] = 1;
  config["gradient_accumulation"] = 6;
  const auto apart = request_for("tied", config, directory / "apart");
  take(train::train(together, {}));
  take(train::train(apart, {}));
  check_close(read_tensors(apart.out / "adapter_model.safetensors"), read_tensors(together.out / "adapter_model.safetensors"), 2e-3);
}

TEST_CASE("progress tells every step, the validation loss where it is due, and the end") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 5;
  auto request = request_for("tied", config, directory / "out");
  request.validation = goldens / "rows.jsonl";
  request.validation_every = 2;
  std::vector<Progress> seen;
  TrainHooks hooks;
  hooks.progress = [&](const Progress& p) { seen.push_back(p); };
  const auto result = take(train::train(request, hooks));
  std::vector<std::int64_t> steps, validated;
  for (const Progress& p : seen) {
    if (p.phase != Phase::training) continue;
    steps.push_back(p.step);
    if (p.validation_loss) validated.push_back(p.step);
    CHECK(p.max_steps == 5);
    CHECK(p.tokens_per_second > 0);
  }
  CHECK(steps == std::vector<std::int64_t>{1, 2, 3, 4, 5});
  CHECK(validated == std::vector<std::int64_t>{2, 4, 5});
  CHECK(seen.front().phase == Phase::loading);
  CHECK(seen.back().phase == Phase::saving);
  REQUIRE(result.validation_loss);
  CHECK(std::isfinite(*result.validation_loss));
  CHECK(result.tokens_read == 68 + 77 + 15 + 68 + 77);
}

TEST_CASE("a run that does not fit into memory is refused with what would fit, and that does fit") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["batch_size"] = 10;
  auto request = request_for("tied", config, directory / "out");
  const auto needed = static_cast<std::size_t>(take(preview(request)).memory_bytes);
  request.memory_limit_bytes = needed - 1;
  const auto refused = train::train(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::out_of_memory);
  CHECK(refused.error().message.find("batch_size ") != std::string::npos);
  const auto at = refused.error().message.find("batch_size ") + 11;
  config["batch_size"] = std::stoll(refused.error().message.substr(at));
  CHECK(config["batch_size"] >= 1);
  CHECK(config["batch_size"] < 10);
  request.config = config_of(config);
  CHECK(preview(request));

  request.memory_limit_bytes = std::size_t{100} << 20;
  const auto hopeless = train::train(request, {});
  REQUIRE_FALSE(hopeless);
  CHECK(hopeless.error().message.find("no batch would fit") != std::string::npos);
}

TEST_CASE("a training that diverges ends with a reason instead of an adapter of NaNs") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["learning_rate"] = 1e30;
  config["min_learning_rate"] = 1e30;
  config["warmup_steps"] = 0;
  const auto request = request_for("tied", config, directory / "out");
  const auto refused = train::train(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "learning_rate");
  CHECK_FALSE(std::filesystem::exists(request.out / "adapter_model.safetensors"));
}
