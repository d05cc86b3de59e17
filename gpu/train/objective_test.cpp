// What a run learns from beside labels: preferences, and a teacher.
#include "gpu/train/objective.hpp"

#include <catch2/catch.hpp>

#include "gpu/train/test_runs.hpp"

using namespace luthier;
using namespace luthier::train;
using namespace luthier::train::test;
using nlohmann::json;

TEST_CASE("preference optimisation follows torch's, of an adapter against its base and of all weights against what they were") {
  for (const auto& [name, model] : {std::pair<std::string, std::string>{"lora", "tied"}, {"full", "biased"}}) {
    TemporaryDirectory directory;
    const auto golden = read_json(goldens / ("dpo." + name + ".json"));
    auto request = request_for(model, golden["config"], directory / "out");
    request.data = goldens / "dpo.rows.jsonl";
    if (name == "lora") request.adapter = goldens / "lora-all";
    INFO(name);
    take(train::train(request, {}));
    check_golden_curve(read_lines(request.out / "metrics.jsonl"), golden["curve"]);
    check_close(read_tensors(request.out / (name == "lora" ? "adapter_model.safetensors" : "model.safetensors")),
                read_tensors(goldens / ("dpo." + name + ".safetensors")), 1e-3);

    auto stopped = request;
    stopped.out = directory / "stopped";
    stopped.checkpoint_directory = directory / "checkpoints";
    take(train::train(stopped, stop_before(5)));
    CHECK(take(train::train(stopped, {})).resumed_from_step == 5);
    CHECK(output_of(stopped) == output_of(request));
  }
}

TEST_CASE("a pair that the student tells apart as the reference does has the loss of a coin, also in validation") {
  TemporaryDirectory directory;
  json config = read_json(goldens / "dpo.lora.json")["config"];
  config["max_steps"] = 1;
  config["learning_rate"] = 0;
  auto request = request_for("tied", config, directory / "out");
  request.data = request.validation = goldens / "dpo.rows.jsonl";
  const auto result = take(train::train(request, {}));
  CHECK(result.first_loss == Approx(std::log(2.0)));
  CHECK(*result.validation_loss == Approx(std::log(2.0)));
}

TEST_CASE("preferences are validated before the first step, once, whenever a run is stopped") {
  TemporaryDirectory directory;
  json config = read_json(goldens / "dpo.lora.json")["config"];
  config["max_steps"] = 6;
  config["validation_every"] = 3;
  auto request = request_for("tied", config, directory / "out");
  request.data = request.validation = goldens / "dpo.rows.jsonl";
  std::vector<Progress> told;
  TrainHooks hooks;
  hooks.progress = [&](const Progress& p) {
    if (p.step == 0 && p.validation_loss) told.push_back(p);
  };
  const auto result = take(train::train(request, hooks));
  const auto lines = read_lines(request.out / "metrics.jsonl");
  REQUIRE(lines.size() == 7);
  CHECK(lines[0].size() == 2);
  CHECK(lines[0]["step"] == 0);
  CHECK(lines[0]["validation_loss"].get<double>() == Approx(std::log(2.0)));  // a new adapter does not tell pairs apart yet
  CHECK(lines[3].contains("validation_loss"));
  CHECK(result.first_loss == lines[1]["loss"].get<double>());
  CHECK(result.steps == 6);
  CHECK(result.best_step > 0);
  REQUIRE(told.size() == 1);
  CHECK(*told[0].validation_loss == lines[0]["validation_loss"].get<double>());

  for (const std::int64_t at : {0, 2}) {
    auto stopped = request;
    stopped.out = directory / ("stopped-" + std::to_string(at));
    stopped.checkpoint_directory = directory / ("checkpoints-" + std::to_string(at));
    take(train::train(stopped, stop_before(at)));
    told.clear();
    take(train::train(stopped, hooks));
    CHECK(told.empty());
    CHECK(read_bytes(stopped.out / "metrics.jsonl") == read_bytes(request.out / "metrics.jsonl"));
    CHECK(output_of(stopped) == output_of(request));
  }

  request.validation.clear();  // validating first changes nothing else
  request.out = directory / "without";
  take(train::train(request, {}));
  CHECK(read_lines(request.out / "metrics.jsonl").size() == 6);
  CHECK(read_lines(request.out / "metrics.jsonl").back()["loss"] == lines.back()["loss"]);
}

TEST_CASE("distillation follows torch's, and with nothing of the teacher's it is plain training") {
  TemporaryDirectory directory;
  const auto golden = read_json(goldens / "distillation.json");
  auto request = request_for("tied", golden["config"], directory / "out");
  request.adapter = goldens / "lora-all";
  request.teacher = goldens / "teacher";
  request.validation = goldens / "rows.jsonl";
  take(train::train(request, {}));
  check_golden_curve(read_lines(request.out / "metrics.jsonl"), golden["curve"]);
  check_close(read_tensors(request.out / "adapter_model.safetensors"), read_tensors(goldens / "distillation.safetensors"), 1e-3);

  request.config.distillation->mixing = 0;
  auto plain = request;
  plain.teacher.clear();
  plain.config.distillation.reset();
  plain.out = directory / "plain";
  take(train::train(request, {}));
  take(train::train(plain, {}));
  check_close(read_tensors(request.out / "adapter_model.safetensors"), read_tensors(plain.out / "adapter_model.safetensors"), 1e-4);
}

TEST_CASE("objectives refuse rows, teachers and configurations that do not belong together") {
  TemporaryDirectory directory;
  const json sft = lora_config(), dpo = read_json(goldens / "dpo.lora.json")["config"], distillation = read_json(goldens / "distillation.json")["config"];
  const auto refused = [&](const json& config, const std::string& data, const std::filesystem::path& teacher) {
    auto request = request_for("tied", config, directory / "out");
    request.data = goldens / data;
    request.teacher = teacher;
    const auto result = train::train(request, {});
    REQUIRE_FALSE(result);
    return result.error().field;
  };
  CHECK(refused(sft, "dpo.rows.jsonl", "") == "dpo");
  CHECK(refused(dpo, "curve.rows.jsonl", "") == "dpo");
  CHECK(refused(distillation, "curve.rows.jsonl", "") == "distillation");
  CHECK(refused(sft, "curve.rows.jsonl", goldens / "teacher") == "distillation");
  CHECK(refused(distillation, "curve.rows.jsonl", "tests/golden/families/llama-biases") == "teacher");  // another vocabulary
}
