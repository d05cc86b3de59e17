// What tests of whole runs share: requests of the golden runs, their ends, and what is left of them.
#pragma once

#include "gpu/train/test_support.hpp"
#include "gpu/train/trainer.hpp"

namespace luthier::train::test {

inline TrainingConfig config_of(const nlohmann::json& object) { return take(parse_training_config(object.dump())); }

inline TrainRequest request_for(const std::string& model, const nlohmann::json& config, const std::filesystem::path& out) {
  TrainRequest request;
  request.model = goldens / model;
  request.data = goldens / "curve.rows.jsonl";
  request.out = out;
  request.config = config_of(config);
  return request;
}

inline nlohmann::json lora_config() { return read_json(goldens / "curve.lora.json")["config"]; }

inline void check_golden_curve(const std::vector<nlohmann::json>& lines, const nlohmann::json& expected) {
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
inline TrainHooks stop_before(std::int64_t at) {
  auto calls = std::make_shared<std::int64_t>(0);
  TrainHooks hooks;
  hooks.wish = [=] { return (*calls)++ == at ? Wish::stop : Wish::go_on; };
  return hooks;
}

inline std::string output_of(const TrainRequest& request) {
  return read_bytes(request.out / (request.config.method == TrainingConfig::Method::full ? "model.safetensors"
                                                                                          : "adapter_model.safetensors"));
}

}  // namespace luthier::train::test
