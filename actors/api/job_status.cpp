#include "actors/api/job_status.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "actors/api/job_telemetry.hpp"
#include "actors/api/routes.hpp"
#include "events/base/base58.hpp"
#include "events/base/sha256.hpp"

namespace luthier::api {

using rest::Json;

namespace {

std::string text_of(const Json& row, const char* member) { return text_or_empty(row, member); }

bool is_set(const Json& row, const char* member) {
  const auto* value = rest::find_member(row, member);
  return value && !value->is_null();
}

std::string derived_hex(const Json& row, const std::string& what) { return sha256_hex(std::string_view(text_of(row, "id") + ":" + what)).substr(0, 32); }

// The same for the same job, whoever asks and whenever.
std::string derived_id(const std::string& prefix, const Json& row, const std::string& what) {
  Sha256 hash;
  hash.update(std::string_view(text_of(row, "id") + ":" + what));
  const auto digest = hash.digest();
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(digest[i]);
  return prefix + "-" + base58(bytes);
}

struct Step {
  std::string name, status, begun, changed;  // times as the row has them
  Json details = Json::object(), task_details = Json::object();
};

std::string finished_at(const Json& row, std::string_view step) {
  if (const auto* steps = rest::find_member(row, "steps_finished"))
    for (const auto& finished : *steps)
      if (finished.value("step", "") == step) return finished.value("at", "");
  return "";
}

std::string details_text(const Json& row, const char* member) {
  const auto* details = rest::find_member(row, "details");
  return details ? text_of(*details, member) : "";
}

std::string name_of_training_step(const Json& row) {
  const auto backend = details_text(row, "backend");
  return backend.empty() || backend == "classic" ? "customization-training-job" : "training";
}

std::int64_t devices_of(const Json& row) {
  const auto* details = rest::find_member(row, "details");
  const auto* devices = details ? rest::find_member(*details, "devices") : nullptr;
  return devices && devices->is_number_integer() ? devices->get<std::int64_t>() : 1;
}

// ------------------------------------------------------------------------------------------------- the training's own details

Json points(const auto& all) {
  Json list = Json::array();
  for (const auto& point : all) list.push_back({{"step", point.step}, {"epoch", point.epoch}, {"value", point.value}});
  return list;
}

std::int64_t epochs_of(const Json& row) {
  const auto* config = rest::find_member(row, "config");
  const auto* epochs = config ? rest::find_member(*config, "epochs") : nullptr;
  return epochs && epochs->is_number_integer() ? epochs->get<std::int64_t>() : 1;
}

// The contract's words for where a training is.
std::string phase_of(const Json& row, const std::string& status, const JobProgress* progress) {
  if (status == "completed") return "completed";
  if (!is_set(row, "started_at")) return "compiling_config";
  if (progress && progress->phase == "validating") return "validation";
  if (progress && progress->phase == "saving") return "processing_checkpoint";
  return "training";
}

template <class Value>
void add(Json& details, const char* name, const std::optional<Value>& value) {
  if (value) details[name] = *value;
}

void add_progress(const JobProgress& progress, Json& details) {
  details["step"] = progress.step;
  if (progress.max_steps > 0) details["max_steps"] = progress.max_steps;
  details["epoch"] = progress.epoch;
  if (progress.num_epochs > 0) details["num_epochs"] = progress.num_epochs;
  add(details, "train_loss", progress.train_loss);
  add(details, "loss", progress.train_loss);
  add(details, "lr", progress.lr);
  add(details, "grad_norm", progress.grad_norm);
  add(details, "val_loss", progress.val_loss);
  if (progress.tokens_per_second > 0) details["tokens_per_second"] = progress.tokens_per_second;
  add(details, "seconds_left", progress.seconds_left);
  details["metrics"] = {{"train_loss", points(progress.train_losses)}, {"val_loss", points(progress.val_losses)}};
}

// The learning rate of a step (from 1) follows from the configuration alone: none has to be told. As the engine's schedule.
std::optional<double> rate_of(const Json& row, std::int64_t step, std::int64_t steps) {
  const auto* config = rest::find_member(row, "config");
  const auto number = [&](const char* member) {
    const auto* value = config ? rest::find_member(*config, member) : nullptr;
    return value && value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
  };
  if (!number("learning_rate") || step < 1) return std::nullopt;
  const double base = *number("learning_rate"), least = number("min_learning_rate").value_or(0), warmup = number("warmup_steps").value_or(0);
  const double at = static_cast<double>(step - 1);
  if (at < warmup) return base * at / warmup;
  const double done = std::min(1.0, (at - warmup) / std::max(1.0, static_cast<double>(steps) - warmup));
  const auto schedule = text_or_empty(*config, "schedule");
  if (schedule == "constant") return base;
  return least + (base - least) * (schedule == "linear" ? 1 - done : 0.5 * (1 + std::cos(M_PI * done)));
}

// What the log keeps for ever, when the telemetry of the training is not there any more.
void add_summary(const Json& row, Json& details) {
  const auto* summary = rest::find_member(row, "summary");
  if (!summary || !summary->is_object()) return;
  const auto steps = (*summary)["steps"];
  details["step"] = steps;
  for (const auto* name : {"train_loss", "loss"})
    if (!is_set(details, name)) details[name] = (*summary)["final_loss"];
  auto& metrics = details["metrics"];
  const auto end_with = [&](Json& curve, const Json& value) {  // the last point may have got lost on its way
    if (curve.empty() || curve.back()["step"] < steps) curve.push_back({{"step", steps}, {"epoch", details["num_epochs"]}, {"value", value}});
  };
  end_with(metrics["train_loss"], (*summary)["final_loss"]);
  const auto* validation = rest::find_member(*summary, "validation_loss");
  if (!validation || validation->is_null()) return;
  details["val_loss"] = *validation;
  end_with(metrics["val_loss"], *validation);
}

Json training_details(const Json& row, const std::string& status, const JobProgress* progress) {
  const auto backend = details_text(row, "backend");
  const auto num_epochs = epochs_of(row);
  Json details{{"phase", phase_of(row, status, progress)},
               {"backend", backend.empty() || backend == "classic" ? "luthier" : backend},
               {"step", row.value("checkpoint_step", 0)},
               {"max_steps", row["inputs"].value("steps", 0)},
               {"epoch", 0},
               {"num_epochs", num_epochs},
               {"metrics", {{"train_loss", Json::array()}, {"val_loss", Json::array()}}}};
  if (progress) add_progress(*progress, details);
  add_summary(row, details);
  if (status != "active") details.erase("seconds_left");  // what the last line said of a training that runs no more
  if (status == "completed") details["epoch"] = details["num_epochs"];
  const auto steps = details["max_steps"].get<std::int64_t>(), done = details["step"].get<std::int64_t>();
  if (!is_set(details, "lr")) add(details, "lr", rate_of(row, done, steps));
  details["percentage_done"] = steps > 0 ? std::clamp<std::int64_t>(done * 100 / steps, 0, 100) : 0;
  if (const auto kept = row.value("checkpoint_step", std::int64_t{0}); kept > 0) details["checkpoint_step"] = kept;
  return details;
}

std::string waiting_message(const Json& row) {
  const auto devices = devices_of(row);
  if (devices > 1) return "The job waits for a place; it asks for " + std::to_string(devices) + " devices, which must be there";
  return "The job waits for a free device";
}

// -------------------------------------------------------------------------------------------------------------- the four steps

Step download_step(const Json& row, const std::string& status, bool prepared) {
  Step step{"model-and-dataset-download", prepared ? "completed" : status, text_of(row, "created_at"),
            prepared ? text_of(row, "prepared_at") : text_of(row, "updated_at")};
  step.task_details = {{"phase", prepared ? "completed" : "downloading"}, {"progress_pct", prepared ? 100 : 0}};
  if (!prepared && status == "created") step.details["message"] = "The model and the dataset are being read";
  return step;
}

Step training_step(const Json& row, const std::string& status, const JobProgress* progress) {
  const auto done_at = finished_at(row, "train");
  Step step{name_of_training_step(row), done_at.empty() ? status : "completed", text_of(row, "prepared_at"),
            done_at.empty() ? text_of(row, "updated_at") : done_at};
  const bool waits = !is_set(row, "started_at") && (status == "pending" || status == "created") && row.value("attempt", 0) == 0;
  if (waits) step.details["message"] = waiting_message(row);
  else if (step.status == "active") step.details["message"] = "Job is running";
  step.task_details = training_details(row, step.status, progress);
  return step;
}

Step later_step(const Json& row, const char* name, const std::string& begun, std::string_view finished, const std::string& status, const char* phase) {
  const auto done_at = finished_at(row, finished);
  Step step{name, done_at.empty() ? status : "completed", begun, done_at.empty() ? text_of(row, "updated_at") : done_at};
  step.task_details = {{"phase", done_at.empty() ? phase : "completed"}};
  return step;
}

std::vector<Step> steps_of(const Json& row, const std::string& status, const JobProgress* progress) {
  const bool prepared = is_set(row, "prepared_at");
  std::vector<Step> steps{download_step(row, status, prepared)};
  if (!prepared) return steps;
  steps.push_back(training_step(row, status, progress));
  if (const auto trained = finished_at(row, "train"); !trained.empty()) {
    steps.push_back(later_step(row, "model-upload", trained, "upload", status, "uploading"));
    if (const auto uploaded = finished_at(row, "upload"); !uploaded.empty())
      steps.push_back(later_step(row, "model-entity-creation", uploaded, "create_entity", status, "creating"));
  }
  return steps;
}

Json without_zone(std::string time, const Json& row) {
  if (time.empty()) time = text_of(row, "created_at");
  if (time.ends_with('Z')) time.pop_back();
  return time;
}

Json shown(const Json& row, const Step& step, const Json& error) {
  const Json failure = step.status == "error" && error.is_object() ? error : Json::object();
  const Json created = without_zone(step.begun, row), updated = without_zone(step.changed, row);
  Json task{{"id", derived_id("platform-job-task", row, step.name)},
            {"name", "task-" + derived_hex(row, step.name)},
            {"status", step.status},
            {"status_details", step.task_details},
            {"error_details", failure},
            {"error_stack", ""},
            {"created_at", created},
            {"updated_at", updated}};
  return {{"id", derived_id("platform-job-step", row, step.name)},
          {"name", step.name},
          {"status", step.status},
          {"status_details", step.details},
          {"error_details", failure},
          {"created_at", created},
          {"updated_at", updated},
          {"tasks", Json::array({std::move(task)})}};
}

void merge(Json& into, const Json& members) {
  for (const auto& [name, value] : members.items()) into[name] = value;
}

// What the tasks tell is told of the job as well; then what the platform and its clients have to say of it.
Json job_details(const Json& row, const std::vector<Step>& steps) {
  Json details = Json::object();
  if (steps.size() > 1 && is_set(row, "started_at")) merge(details, steps[1].task_details);
  if (steps.size() > 1) merge(details, steps.back().details);
  const auto* kept = rest::find_member(row, "details");
  if (!kept || !kept->is_object()) return details;
  Json warnings = Json::array();
  for (const auto* name : {"warnings", "preparation_warnings"})
    if (const auto* list = rest::find_member(*kept, name); list && list->is_array())
      for (const auto& warning : *list) warnings.push_back(warning);
  if (!warnings.empty()) details["warnings"] = std::move(warnings);
  if (const auto* own = rest::find_member(*kept, "status_details"); own && own->is_object()) merge(details, *own);
  return details;
}

}  // namespace

std::string platform_job_id(const Json& row) { return "platform-" + text_of(row, "id"); }

Json job_error(const Json& row) {
  if (text_of(row, "status") != "error") return nullptr;
  const auto reason = text_of(row, "reason");
  return {{"message", reason.empty() ? "the job failed" : reason}};
}

Json job_status(const Json& row, const JobTelemetry* telemetry) {
  const auto progress = telemetry ? telemetry->progress(text_of(row, "id")) : std::nullopt;
  return job_status_with(row, progress ? &*progress : nullptr);
}

Json job_status_with(const Json& row, const JobProgress* progress) {
  const auto status = text_of(row, "status");
  const auto error = job_error(row);
  const auto steps = steps_of(row, status, progress);
  Json shown_steps = Json::array();
  for (const auto& step : steps) shown_steps.push_back(shown(row, step, error));
  return {{"id", platform_job_id(row)},
          {"name", row["name"]},
          {"status", status},
          {"status_details", job_details(row, steps)},
          {"error_details", error},
          {"created_at", http_time(row, "created_at")},
          {"updated_at", http_time(row, "updated_at")},
          {"steps", std::move(shown_steps)}};
}

}  // namespace luthier::api
