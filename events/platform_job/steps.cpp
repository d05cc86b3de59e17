// How the steps of a platform job move, and the job with them.
#include <algorithm>

#include "events/platform_job/rules.hpp"

namespace luthier::events {

Facts step_moved(const PlatformJobState& job, const PlatformStepState& step, StepStatus status, std::optional<JsonText> details,
                 std::optional<JsonText> error_details) {
  Facts facts{fact_of(job, PlatformStepStatusSet{step.name, std::string(to_string(status)), std::move(details), error_details})};
  if (status == step.status) return facts;
  const auto place = static_cast<std::size_t>(std::find(job.step_names.begin(), job.step_names.end(), step.name) - job.step_names.begin());
  const bool is_last = place + 1 >= job.step_names.size();
  if (status == StepStatus::completed && !is_last) facts.push_back(fact_of(job, PlatformStepCreated{job.step_names[place + 1]}));
  const auto whole = job_status_after(job.status, status, place == 0, is_last);
  if (whole != job.status)
    facts.push_back(fact_of(job, PlatformJobStatusSet{std::string(to_string(whole)),
                                                      whole == StepStatus::error ? std::move(error_details) : std::nullopt}));
  return facts;
}

namespace {

Error not_now(const PlatformJobState& job, const PlatformStepState& step, StepStatus wish) {
  return conflict("step " + step.name + " of job " + reference_to(job) + " is " + std::string(to_string(step.status)) + " and cannot become " +
                      std::string(to_string(wish)), "data.status");
}

}  // namespace

Decision decide(const World& world, const Request& request, const SetStepStatus& set, const Limits& limits) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  const auto step = std::find_if(job.steps.begin(), job.steps.end(), [&](const PlatformStepState& each) { return each.name == set.step; });
  if (step == job.steps.end())
    return Error{ErrorCode::not_found, "step " + readable(set.step, limits) + " of job " + reference_to(job) + " not found", "data.step"};
  const auto status = parse_step_status(set.status);
  if (!status) return invalid("data.status: \"" + readable(set.status, limits).substr(0, 100) + "\" is no status of a step", "data.status");
  if (*status != step->status && !may_follow(step->status, *status)) return not_now(job, *step, *status);
  auto details = merged_patch(step->details, set.status_details, "data.status_details", limits);
  if (!details) return details.error();
  auto error = checked_object(set.error_details, "data.error_details", limits);
  if (!error) return error.error();
  if (*status == step->status && !*details && !*error) return Facts{};
  return step_moved(job, *step, *status, std::move(*details), std::move(*error));
}

// The step that is not over yet: the last that there is.
Decision decide(const World& world, const Request& request, const CancelPlatformJob&, const Limits&) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  if (is_terminal(job.status) || job.status == StepStatus::cancelling) return Facts{};
  const PlatformStepState& step = job.steps.back();
  // Nothing has begun: nobody needs to stop anything.
  if (job.steps.size() == 1 && step.status == StepStatus::created) return step_moved(job, step, StepStatus::cancelled);
  if (!may_follow(step.status, StepStatus::cancelling)) return not_now(job, step, StepStatus::cancelling);
  return step_moved(job, step, StepStatus::cancelling);
}

Decision decide(const World& world, const Request& request, const PausePlatformJob&, const Limits&) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  const PlatformStepState& step = job.steps.back();
  if (is_terminal(job.status) || !may_follow(step.status, StepStatus::pausing)) return Facts{};
  return step_moved(job, step, StepStatus::pausing);
}

Decision decide(const World& world, const Request& request, const ResumePlatformJob&, const Limits&) {
  const auto found = target(world.platform_jobs, request);
  if (!found) return found.error();
  const PlatformJobState& job = **found;
  const PlatformStepState& step = job.steps.back();
  if (step.status != StepStatus::paused) return Facts{};
  return step_moved(job, step, StepStatus::resuming);
}

}  // namespace luthier::events
