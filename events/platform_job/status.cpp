#include "events/platform_job/status.hpp"

#include <array>
#include <initializer_list>

namespace luthier::events {
namespace {

using enum StepStatus;

constexpr std::array all{created, pending, active, cancelling, cancelled, pausing, paused, resuming, error, completed};

bool is_one(StepStatus status, std::initializer_list<StepStatus> of) {
  for (const auto each : of)
    if (each == status) return true;
  return false;
}

}  // namespace

std::string_view to_string(StepStatus status) {
  switch (status) {
    case created: return "created";
    case pending: return "pending";
    case active: return "active";
    case cancelling: return "cancelling";
    case cancelled: return "cancelled";
    case pausing: return "pausing";
    case paused: return "paused";
    case resuming: return "resuming";
    case error: return "error";
    case completed: return "completed";
  }
  return "";
}

std::optional<StepStatus> parse_step_status(std::string_view text) {
  for (const auto status : all)
    if (to_string(status) == text) return status;
  return std::nullopt;
}

bool is_terminal(StepStatus status) { return is_one(status, {cancelled, error, completed}); }

bool may_follow(StepStatus from, StepStatus to) {
  switch (from) {
    case created: return is_one(to, {pending, active, cancelling, cancelled, pausing, paused, error});
    case pending: return is_one(to, {active, cancelling, cancelled, error, pausing, paused, completed});
    case active: return is_one(to, {completed, error, cancelling, cancelled, pausing, paused});
    case pausing: return is_one(to, {paused, error});
    case paused: return is_one(to, {resuming, active, cancelling});
    case resuming: return is_one(to, {pending, active, error, cancelling});
    case cancelling: return is_one(to, {cancelled, error});
    case cancelled:
    case error:
    case completed: return false;
  }
  return false;
}

StepStatus job_status_after(StepStatus job, StepStatus step, bool is_first, bool is_last) {
  switch (step) {
    case created: return job;
    case pending: return is_first ? pending : active;
    case completed: return is_last ? completed : active;
    case active:
    case cancelling:
    case cancelled:
    case pausing:
    case paused:
    case resuming:
    case error: return step;
  }
  return job;
}

}  // namespace luthier::events
