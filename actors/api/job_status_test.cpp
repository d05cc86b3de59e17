#include "actors/api/job_status.hpp"

#include <catch2/catch.hpp>

#include "actors/api/job_telemetry.hpp"

using namespace luthier;
using namespace luthier::api;
using rest::Json;

namespace {

Json submitted() {
  return Json::parse(R"({"id": "job-abc", "name": "tune", "workspace": "default", "status": "created", "created_at": "2026-11-01T00:00:00Z",
      "updated_at": "2026-11-01T00:00:01Z", "config": {"epochs": 2}, "details": {"backend": "classic"}, "inputs": {"steps": 0}, "attempt": 0,
      "checkpoint_step": 0, "steps_finished": [], "summary": null, "reason": "", "prepared_at": null, "started_at": null})");
}

Json changed(const char* patch, Json row = submitted()) {
  row.update(Json::parse(patch), true);
  return row;
}

Json running() {
  return changed(R"({"status": "active", "prepared_at": "2026-11-01T00:00:02Z", "started_at": "2026-11-01T00:00:03Z", "attempt": 1,
                     "inputs": {"steps": 8}})");
}

std::vector<std::string> names(const Json& status) {
  std::vector<std::string> all;
  for (const auto& step : status["steps"]) all.push_back(step["name"].get<std::string>() + " " + step["status"].get<std::string>());
  return all;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a step is there once the one before it has completed") {
  CHECK(names(job_status(submitted(), nullptr)) == Names{"model-and-dataset-download created"});
  CHECK(names(job_status(changed(R"({"status": "pending", "prepared_at": "2026-11-01T00:00:02Z"})"), nullptr)) ==
        Names{"model-and-dataset-download completed", "customization-training-job pending"});
  CHECK(names(job_status(running(), nullptr)) == Names{"model-and-dataset-download completed", "customization-training-job active"});
  const auto done = changed(R"({"status": "completed", "steps_finished": [{"step": "train", "at": "2026-11-01T00:01:00Z"},
      {"step": "upload", "at": "2026-11-01T00:01:00Z"}, {"step": "create_entity", "at": "2026-11-01T00:01:00Z"}],
      "summary": {"steps": 8, "final_loss": 1.5, "validation_loss": 2.5}})", running());
  CHECK(names(job_status(done, nullptr)) == Names{"model-and-dataset-download completed", "customization-training-job completed",
                                                  "model-upload completed", "model-entity-creation completed"});
  CHECK(names(job_status(changed(R"({"details": {"backend": "unsloth"}})", running()), nullptr))[1] == "training active");
}

TEST_CASE("a job that was just created has nothing to tell") {
  CHECK(job_status(submitted(), nullptr)["status_details"] == Json::object());
}

TEST_CASE("a failed job says why, and so does the step that failed") {
  const auto before = job_status(changed(R"({"status": "error", "reason": "train.jsonl: row 4: not JSON"})"), nullptr);
  CHECK(before["error_details"]["message"] == "train.jsonl: row 4: not JSON");
  CHECK(before["steps"][0]["error_details"] == before["error_details"]);
  CHECK(before["steps"][0]["tasks"][0]["error_details"] == before["error_details"]);
  const auto during = job_status(changed(R"({"status": "error", "reason": "diverged"})", running()), nullptr);
  CHECK(during["steps"][0]["error_details"] == Json::object());
  CHECK(during["steps"][1]["status"] == "error");
  CHECK(job_status(running(), nullptr)["error_details"].is_null());
}

TEST_CASE("the training's task tells how far it is, from its telemetry or from what the log kept") {
  JobProgress told;
  told.step = 2, told.max_steps = 8, told.epoch = 1, told.num_epochs = 2;
  told.train_loss = 2.5, told.lr = 1e-4;
  told.train_losses = {{1, 1, 3.5}, {2, 1, 2.5}};
  const auto status = job_status_with(running(), &told);
  const auto& details = status["steps"][1]["tasks"][0]["status_details"];
  CHECK(details["phase"] == "training");
  CHECK(details["step"] == 2);
  CHECK(details["percentage_done"] == 25);
  CHECK(details["train_loss"] == 2.5);
  CHECK(details["loss"] == 2.5);
  CHECK(details["metrics"]["train_loss"][1] == Json::parse(R"({"step": 2, "epoch": 1, "value": 2.5})"));
  CHECK(status["status_details"]["step"] == 2);

  const auto done = changed(R"({"status": "completed", "steps_finished": [{"step": "train", "at": "2026-11-01T00:01:00Z"}],
                                "summary": {"steps": 8, "final_loss": 1.5, "validation_loss": 2.5}})", running());
  const auto kept = job_status(done, nullptr)["steps"][1]["tasks"][0]["status_details"];
  CHECK(kept["phase"] == "completed");
  CHECK(kept["step"] == 8);
  CHECK(kept["percentage_done"] == 100);
  CHECK(kept["val_loss"] == 2.5);
  CHECK(kept["metrics"]["val_loss"].size() == 1);
  CHECK_FALSE(kept.contains("lr"));
  const auto ended = job_status_with(done, &told)["steps"][1]["tasks"][0]["status_details"];
  CHECK(ended["metrics"]["train_loss"].back() == Json::parse(R"({"step": 8, "epoch": 2, "value": 1.5})"));
  CHECK(ended["metrics"]["train_loss"].size() == 3);
  const auto configured = changed(R"({"config": {"epochs": 2, "learning_rate": 1.0, "schedule": "linear", "warmup_steps": 0}})", done);
  CHECK(job_status(configured, nullptr)["steps"][1]["tasks"][0]["status_details"]["lr"] == 0.125);
}

TEST_CASE("a status has the same ids whenever it is asked for, and warnings of the job") {
  const auto first = job_status(running(), nullptr), again = job_status(running(), nullptr);
  CHECK(first["id"] == "platform-job-abc");
  CHECK(first["steps"][0]["id"] == again["steps"][0]["id"]);
  CHECK(first["steps"][0]["id"] != first["steps"][1]["id"]);
  CHECK(first["steps"][1]["tasks"][0]["name"].get<std::string>().size() == 37);
  const auto warned = job_status(changed(R"({"details": {"warnings": ["a"], "preparation_warnings": ["b"], "devices": 8}})"), nullptr);
  CHECK(warned["status_details"]["warnings"] == Json::parse(R"(["a", "b"])"));
  const auto waits = changed(R"({"status": "pending", "prepared_at": "2026-11-01T00:00:02Z", "details": {"devices": 8}})");
  CHECK(job_status(waits, nullptr)["steps"][1]["status_details"]["message"].get<std::string>().find("8 devices") != std::string::npos);
}
