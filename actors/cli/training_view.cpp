#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "actors/cli/job_watch.hpp"
#include "actors/cli/listing.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

double real_of(const ordered_json& line, const char* name, double otherwise) {
  const auto member = line.find(name);
  return member != line.end() && member->is_number() ? member->get<double>() : otherwise;
}

std::string attempt_of(const ordered_json& data) { return "attempt " + text_of(data, "attempt"); }

}  // namespace

void TrainingView::take(const ordered_json& line) {
  if (!line.is_object()) return;
  if (const auto now = number_of(line, "attempt"); now > 0) attempt = now;
  if (const auto now = text_of(line, "phase"); !now.empty()) phase = now;
  step = std::max<std::int64_t>(0, static_cast<std::int64_t>(real_of(line, "step", static_cast<double>(step))));
  max_steps = static_cast<std::int64_t>(real_of(line, "max_steps", static_cast<double>(max_steps)));
  tokens_per_second = real_of(line, "tokens_per_second", tokens_per_second);
  seconds_left = real_of(line, "seconds_left", seconds_left);
  if (line.contains("validation_loss")) validation_loss = real_of(line, "validation_loss", 0);
  if (!line.contains("loss") || !line.contains("step")) return;
  loss = real_of(line, "loss", loss);
  while (!losses.empty() && losses.back().x >= static_cast<double>(step)) losses.pop_back();
  losses.push_back({static_cast<double>(step), loss});
}

std::string TrainingView::status_line(int width) const {
  if (max_steps == 0) return phase.empty() ? "waiting" : phase;
  std::string text = " " + std::to_string(step) + "/" + std::to_string(max_steps);
  if (!losses.empty()) text += "  loss " + number_text(loss, 4) + "  " + std::to_string(std::llround(tokens_per_second)) + " tokens/s";
  if (phase == "training" && step > 0) text += "  " + duration_text(seconds_left) + " left";
  else if (!phase.empty() && phase != "training") text += "  " + phase;
  if (attempt > 1) text += "  (attempt " + std::to_string(attempt) + ")";
  const int bar = std::clamp(width - static_cast<int>(columns_of(text)) - 2, 8, 40);
  return progress_bar(double(step) / double(max_steps), bar) + text;
}

std::vector<std::string> TrainingView::curve_lines(int width, int height) const {
  return curve(losses, std::min(width, 100), height, "step");
}

std::string event_line(const ordered_json& event) {
  const auto type = text_of(event, "type");
  const auto data = event.contains("data") && event["data"].is_object() ? event["data"] : ordered_json::object();
  const auto is = [&](const char* name) { return type == "luthier." + std::string(name) + ".v1"; };
  if (is("JobQueued")) return "queued: " + text_of(data, "inputs.rows") + " rows, " + text_of(data, "inputs.steps") + " steps, needs " + bytes_text(number_of(data, "inputs.memory_bytes"));
  if (is("JobPlaced")) return attempt_of(data) + " placed on worker " + text_of(data, "worker") + ", device " + text_of(data, "device");
  if (is("JobStarted")) return "started";
  if (is("JobAttemptStarted")) return attempt_of(data) + " started, going on from step " + text_of(data, "resumed_from_step");
  if (is("JobAttemptEnded")) return attempt_of(data) + " " + text_of(data, "outcome") + ": " + text_of(data, "reason") + "; it is queued again";
  if (is("JobCancelRequested")) return "cancelling";
  if (is("JobPauseRequested")) return "pausing";
  if (is("JobPaused")) return "paused at step " + text_of(data, "step");
  if (is("JobResumed")) return "resumed";
  if (is("JobFailed")) return "failed: " + text_of(data, "reason");
  if (is("JobCancelled")) return "cancelled";
  if (is("JobCompleted")) return "completed: " + text_of(data, "output_kind") + " " + text_of(data, "output");
  return "";
}

}  // namespace luthier::cli
