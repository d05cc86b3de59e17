#include "actors/api/jobs_view.hpp"

#include <array>

#include "actors/api/job_status.hpp"
#include "actors/api/routes.hpp"
#include "events/base/base58.hpp"
#include "events/base/sha256.hpp"

namespace luthier::api {

using rest::Json;

namespace {

constexpr std::int64_t training_staleness_seconds = 3'600;

Json member_or_null(const Json& object, const char* name) {
  const auto* member = rest::find_member(object, name);
  return member ? *member : Json(nullptr);
}

Json text_or_null(const Json& row, const char* member) {
  auto text = text_or_empty(row, member);
  return text.empty() ? Json(nullptr) : Json(std::move(text));
}

std::string attempt_of(const Json& row) { return derived_job_id("platform-job-attempt", text_or_empty(row, "id"), "attempt"); }

// In the order of the contract, whatever kind the job is of.
Json job_response(const Json& row, const std::string& id, Json spec, Json platform_spec, const Json& status, const Json& details,
                  const std::string& source, Json project) {
  const auto name = text_or_empty(row, "name");
  return {{"id", id},
          {"attempt_id", attempt_of(row)},
          {"name", name},
          {"workspace", row["workspace"]},
          {"project", std::move(project)},
          {"description", text_or_null(row, "description")},
          {"source", source},
          {"spec", std::move(spec)},
          {"platform_spec", std::move(platform_spec)},
          {"fileset", "job-fileset-" + name},
          {"status", status["status"]},
          {"status_details", status["status_details"]},
          {"error_details", status["error_details"]},
          {"created_at", http_time(row, "created_at")},
          {"updated_at", http_time(row, "updated_at")},
          {"ownership", member_or_null(details, "ownership")},
          {"custom_fields", member_or_null(details, "custom_fields")}};
}

// ------------------------------------------------------------------------------------------------------- fine-tuning jobs

Json details_of(const Json& row) {
  auto details = member_or_null(row, "details");
  return details.is_object() ? details : Json(Json::object());
}

Json training_step_spec(const std::string& name, const char* provider, std::int64_t staleness) {
  return {{"name", name},
          {"executor", {{"provider", provider}, {"profile", "default"}, {"container", Json::object()}}},
          {"environment", nullptr},
          {"config", Json::object()},
          {"lifecycle", {{"staleness_timeout_seconds", staleness}}}};
}

Json training_platform_spec(const Json& details) {
  const auto backend = text_or_empty(details, "backend");
  const std::string training = backend.empty() || backend == "classic" ? "customization-training-job" : "training";
  Json steps = Json::array();
  steps.push_back(training_step_spec("model-and-dataset-download", "cpu", 0));
  steps.push_back(training_step_spec(training, "gpu", training_staleness_seconds));
  steps.push_back(training_step_spec("model-upload", "cpu", 0));
  steps.push_back(training_step_spec("model-entity-creation", "cpu", 0));
  return {{"steps", std::move(steps)}};
}

// One that was started over NATS or by the command line has no spec of the contract's: what it was told is shown.
Json training_spec(const Json& row, const Json& details) {
  if (auto spec = member_or_null(details, "spec"); !spec.is_null()) return spec;
  return {{"model", row["model"]}, {"dataset", row["dataset"]}, {"output", {{"name", row["output"]}}},
          {"training", member_or_null(row, "config")}};
}

// ------------------------------------------------------------------------------------------------------------ platform jobs

Json shown_task(const Json& row, const std::string& step, const Json& task) {
  return {{"id", derived_job_id("platform-job-task", text_or_empty(row, "id"), step + "/" + text_or_empty(task, "name"))},
          {"name", task["name"]},
          {"status", task["status"]},
          {"status_details", task["status_details"]},
          {"error_details", task["error_details"]},
          {"error_stack", member_or_null(task, "error_stack")},
          {"created_at", http_time(task, "created_at")},
          {"updated_at", http_time(task, "updated_at")}};
}

Json shown_step(const Json& row, const Json& step) {
  const auto name = text_or_empty(step, "name");
  Json tasks = Json::array();
  for (const auto& task : step["tasks"]) tasks.push_back(shown_task(row, name, task));
  return {{"id", derived_job_id("platform-job-step", text_or_empty(row, "id"), name)},
          {"name", name},
          {"status", step["status"]},
          {"status_details", step["status_details"]},
          {"error_details", step["error_details"]},
          {"created_at", http_time(step, "created_at")},
          {"updated_at", http_time(step, "updated_at")},
          {"created_by", author(step, "created_by")},
          {"updated_by", author(step, "updated_by")},
          {"tasks", std::move(tasks)}};
}

Json spec_of_step(const Json& job, const std::string& name) {
  if (const auto* steps = rest::find_member(job["platform_spec"], "steps"))
    for (const auto& step : *steps)
      if (text_or_empty(step, "name") == name) return step;
  return nullptr;
}

}  // namespace

std::string derived_job_id(std::string_view prefix, const std::string& job_id, std::string_view what) {
  Sha256 hash;
  hash.update(std::string_view(job_id + ":" + std::string(prefix) + ":" + std::string(what)));
  const auto digest = hash.digest();
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(digest[i]);
  return std::string(prefix) + "-" + base58(bytes);
}

Json platform_job_response(const Json& row) {
  return job_response(row, text_or_empty(row, "id"), row["spec"], row["platform_spec"], row, row["details"], text_or_empty(row, "source"),
                      text_or_null(row, "project"));
}

Json training_job_response(const Json& row, const JobTelemetry* telemetry) {
  const auto details = details_of(row);
  const auto source = text_or_empty(details, "source");
  return job_response(row, platform_job_id(row), training_spec(row, details), training_platform_spec(details), job_status(row, telemetry), details,
                      source.empty() ? "luthier" : source, text_or_null(details, "project"));
}

Json platform_job_status(const Json& row) {
  Json steps = Json::array();
  for (const auto& step : row["steps"]) steps.push_back(shown_step(row, step));
  return {{"id", row["id"]},
          {"name", row["name"]},
          {"status", row["status"]},
          {"status_details", row["status_details"]},
          {"error_details", row["error_details"]},
          {"created_at", http_time(row, "created_at")},
          {"updated_at", http_time(row, "updated_at")},
          {"steps", std::move(steps)}};
}

Json step_response(const Json& job, const Json& step, bool with_context) {
  auto spec = spec_of_step(job, text_or_empty(step, "name"));
  Json shown{{"id", step["id"]},
             {"name", step["name"]},
             {"workspace", job["workspace"]},
             {"project", job["project"]},
             {"attempt_id", job["attempt_id"]},
             {"config", spec.is_object() ? spec["config"] : Json(Json::object())},
             {"status", step["status"]},
             {"status_details", step["status_details"]},
             {"error_details", step["error_details"]},
             {"created_at", step["created_at"]},
             {"created_by", text_or_empty(step, "created_by")},
             {"updated_at", step["updated_at"]},
             {"updated_by", text_or_empty(step, "updated_by")},
             {"parent", job["attempt_id"]},
             {"entity_id", step["id"]}};
  if (!with_context) return shown;
  shown["job"] = job["name"];
  shown["fileset"] = job["fileset"];
  shown["source"] = job["source"];
  shown["step_spec"] = std::move(spec);
  shown["auth_context"] = nullptr;
  return shown;
}

Json task_response(const Json& job, const Json& step, const Json& task) {
  return {{"id", task["id"]},
          {"name", task["name"]},
          {"workspace", job["workspace"]},
          {"step_id", step["id"]},
          {"status", task["status"]},
          {"status_details", task["status_details"]},
          {"error_details", task["error_details"]},
          {"error_stack", member_or_null(task, "error_stack")},
          {"created_at", task["created_at"]},
          {"updated_at", task["updated_at"]}};
}

}  // namespace luthier::api
