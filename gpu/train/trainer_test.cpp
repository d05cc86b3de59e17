#include "gpu/train/trainer.hpp"

#include <catch2/catch.hpp>

#include "events/base/sha256.hpp"
#include "gpu/train/preview.hpp"
#include "gpu/train/test_runs.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

TEST_CASE("20 steps of LoRA follow PEFT's, step by step and to the same weights") {
  TemporaryDirectory directory;
  const auto golden = read_json(goldens / "curve.lora.json");
  auto request = request_for("tied", golden["config"], directory / "out");
  request.adapter = goldens / "lora-all";
  const auto result = take(train::train(request, {}));
  CHECK(result.steps == 20);
  CHECK_FALSE(result.stopped);
  check_golden_curve(read_lines(directory / "out/metrics.jsonl"), golden["curve"]);
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
  check_golden_curve(read_lines(directory / "out/metrics.jsonl"), golden["curve"]);
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
  CHECK(refused.error().message.find("rows ") != std::string::npos);
  CHECK(refused.error().message.find("curve.rows.jsonl") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(request.out / "adapter_model.safetensors"));
}

TEST_CASE("with a ratio of rates B learns faster than A, step by step as with PEFT's LoRA+ optimiser") {
  TemporaryDirectory directory;
  const auto golden = read_json(goldens / "curve.loraplus.json");
  auto request = request_for("tied", golden["config"], directory / "out");
  request.adapter = goldens / "lora-all";
  take(train::train(request, {}));
  check_golden_curve(read_lines(directory / "out/metrics.jsonl"), golden["curve"]);
  check_close(read_tensors(directory / "out/adapter_model.safetensors"), read_tensors(goldens / "curve.loraplus.safetensors"), 5e-4);
}

TEST_CASE("with moments in bfloat16 a run ends at the loss of f32 within half a percent, and goes on after a stop with the same bytes") {
  for (const std::string method : {"lora", "full"}) {
    TemporaryDirectory directory;
    json config = lora_config();
    config["method"] = method;
    config["max_steps"] = 30;
    const auto exact = request_for("tied", config, directory / "f32");
    const double expected = take(train::train(exact, {})).final_loss;
    config["optimizer_states"] = "bf16";
    const auto rounded = request_for("tied", config, directory / "bf16");
    const auto result = take(train::train(rounded, {}));
    INFO(method);
    CHECK(result.first_loss > 1.5 * expected);  // something was learnt
    CHECK(result.final_loss == Approx(expected).epsilon(5e-3));
    CHECK(output_of(rounded) != output_of(exact));
    CHECK(take(preview(rounded)).memory_bytes < take(preview(exact)).memory_bytes);

    auto stopped = request_for("tied", config, directory / "stopped");
    stopped.checkpoint_directory = directory / "checkpoints";
    take(train::train(stopped, stop_before(17)));
    CHECK(take(train::train(stopped, {})).resumed_from_step == 17);
    CHECK(output_of(stopped) == output_of(rounded));
  }
}

TEST_CASE("a step that updates layer by layer has the bits of one that updates all at the end") {
  for (const char* model : {"biased", "tied"})
    for (const char* states : {"f32", "bf16"}) {
      INFO(model << ", " << states);
      TemporaryDirectory directory;
      json config = read_json(goldens / "curve.full.json")["config"];
      config.update({{"gradient_accumulation", 1}, {"max_grad_norm", 0}, {"max_steps", 6}, {"optimizer_states", states}});
      const auto together = request_for(model, config, directory / "together");
      config.update({{"layerwise_updates", true}, {"recompute_activations", true}});
      const auto by_layers = request_for(model, config, directory / "by-layers");
      take(train::train(together, {}));
      take(train::train(by_layers, {}));
      CHECK(output_of(by_layers) == output_of(together));
      CHECK(read_bytes(by_layers.out / "metrics.jsonl") == read_bytes(together.out / "metrics.jsonl"));
    }
}

TEST_CASE("ranks and scales of some layers differ as their patterns say") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 2;
  config["lora"]["rank_pattern"] = {{"v_proj", 2}};
  config["lora"]["alpha_pattern"] = {{"q_proj", 32}};
  const auto request = request_for("tied", config, directory / "out");
  take(train::train(request, {}));
  const auto tensors = read_tensors(request.out / "adapter_model.safetensors");
  CHECK(tensors.at("base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight").size() == 2 * 32);
  CHECK(tensors.at("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight").size() == 4 * 32);
  const auto written = read_json(request.out / "adapter_config.json");
  CHECK(written["rank_pattern"] == json{{"v_proj", 2}});
  CHECK(written["alpha_pattern"] == json{{"q_proj", 32.0}});
}

namespace {

// Learns too fast, so that the validation loss falls and then rises.
TrainRequest overfitting(const std::filesystem::path& out) {
  json config = lora_config();
  config["max_steps"] = 40;
  config["learning_rate"] = 3e-2;
  config["min_learning_rate"] = 3e-2;
  config["validation_every"] = 2;
  auto request = request_for("tied", config, out);
  request.validation = goldens / "rows.jsonl";
  return request;
}

std::map<int, double> validations_of(const TrainRequest& request) {
  std::map<int, double> losses;
  for (const auto& line : read_lines(request.out / "metrics.jsonl"))
    if (line.contains("validation_loss")) losses[line["step"]] = line["validation_loss"];
  return losses;
}

}  // namespace

TEST_CASE("early stopping ends a run that gets no better, and the output is the best one when asked for") {
  TemporaryDirectory directory;
  auto plain = overfitting(directory / "plain");
  const auto whole = take(train::train(plain, {}));
  const auto losses = validations_of(plain);
  REQUIRE(losses.size() == 20);
  const auto best = std::min_element(losses.begin(), losses.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  REQUIRE(best->first < 30);
  CHECK(whole.best_step == best->first);
  CHECK_FALSE(whole.stopped_early);

  auto request = overfitting(directory / "stopped");
  request.config.early_stopping = EarlyStopping{.patience = 4, .min_delta = 0};
  request.config.keep_best = true;
  const auto result = take(train::train(request, {}));
  CHECK(result.stopped_early);
  CHECK(result.steps < 40);
  CHECK(result.best_step <= result.steps - 8);
  CHECK(*result.validation_loss == validations_of(request).at(static_cast<int>(result.best_step)));
  for (const auto& line : read_lines(request.out / "metrics.jsonl"))
    if (line.value("best", false)) CHECK(line["step"] <= result.best_step);
  CHECK_FALSE(std::filesystem::exists(request.out / "best.safetensors"));

  // The output is what a run of so many steps would have left.
  auto shorter = overfitting(directory / "shorter");
  shorter.config.max_steps = result.best_step;
  take(train::train(shorter, {}));
  CHECK(output_of(request) == output_of(shorter));

  // The same with checkpoints, killed on the way: best and last stay.
  auto again = request;
  again.out = directory / "again";
  again.checkpoint_directory = directory / "checkpoints";
  take(train::train(again, stop_before(result.best_step + 1)));
  take(train::train(again, {}));
  CHECK(output_of(again) == output_of(request));
  CHECK(read_bytes(again.out / "metrics.jsonl") == read_bytes(request.out / "metrics.jsonl"));
  CHECK(std::filesystem::exists(again.checkpoint_directory / "best.safetensors"));
  char last[40];
  std::snprintf(last, sizeof last, "step-%08lld.safetensors", static_cast<long long>(result.steps));
  CHECK(std::filesystem::exists(again.checkpoint_directory / last));
}

TEST_CASE("early stopping and keeping the best need something to validate with") {
  TemporaryDirectory directory;
  auto request = overfitting(directory / "out");
  request.config.early_stopping = EarlyStopping{};
  request.config.validation_every = 0;
  CHECK(train::train(request, {}).error().field == "early_stopping");
  request.validation.clear();
  CHECK(train::train(request, {}).error().field == "early_stopping");
  request.config.early_stopping.reset();
  request.config.keep_best = true;
  CHECK(train::train(request, {}).error().field == "keep_best");
}

TEST_CASE("a loss spike ends the run with the step and the lines of its rows") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 80;
  config["learning_rate"] = config["min_learning_rate"] = 2e-2;
  config["batch_size"] = 1;
  config["gradient_accumulation"] = 1;
  config["spike_factor"] = 3;
  auto request = request_for("tied", config, directory / "out");
  // One row again and again, after a blank line, and then another one, which was never seen.
  const auto rows = read_lines(goldens / "curve.rows.jsonl");
  std::string text = "\n";
  for (int i = 0; i < 60; ++i) text += rows[0].dump() + "\n";
  request.data = write_text(directory / "rows.jsonl", text + rows[1].dump() + "\n");
  const auto refused = train::train(request, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().field == "spike_factor");
  CHECK(refused.error().message.find("step 61 ") != std::string::npos);
  CHECK(refused.error().message.find("row 62 of ") != std::string::npos);
  CHECK(read_lines(request.out / "metrics.jsonl").size() == 60);
  request.config.spike_factor = 0;
  CHECK(train::train(request, {}));
}

TEST_CASE("a run leaves a model card whose every line but the measured ones is the same again") {
  TemporaryDirectory directory;
  json config = lora_config();
  config["max_steps"] = 6;
  config["validation_every"] = 3;
  auto request = request_for("tied", config, directory / "a");
  request.validation = goldens / "rows.jsonl";
  auto again = request;
  again.out = directory / "b";
  take(train::train(request, {}));
  take(train::train(again, {}));
  const auto card = read_bytes(request.out / "README.md"), other = read_bytes(again.out / "README.md");
  const auto measured = card.find("## Measured");
  REQUIRE(measured != std::string::npos);
  CHECK(card.substr(0, measured) == other.substr(0, measured));
  CHECK(read_bytes(request.out / "loss.svg") == read_bytes(again.out / "loss.svg"));
  for (const std::string part : {"base_model: \"tied\"", "library_name: peft", "SHA-256", "\"max_steps\": 6", "| seed | 1 |", "loss.svg",
                                 "PeftModel.from_pretrained", "memory used", "tokens/s"}) {
    INFO(part);
    CHECK(card.find(part) != std::string::npos);
  }
  CHECK(card.find(take(sha256_file(request.data))) != std::string::npos);
  const auto picture = read_bytes(request.out / "loss.svg");
  CHECK(picture.starts_with("<svg "));
  CHECK(picture.size() < 20'000);
}
