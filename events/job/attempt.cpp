// The attempts of a job: placed on a device, begun, checkpointed, and ended. At most one has effects: each report names its
// attempt, and one of an older attempt is refused.
#include "events/job/attempt.hpp"

#include <algorithm>

#include "events/job/rules.hpp"

namespace luthier::events {
namespace {

// Training has its device to itself.
const JobState* user_of_device(const World& world, const PlaceJob& place) {
  for (const auto& name : world.open_jobs) {
    const JobState& job = world.jobs.at(name);
    if (holds_device(job.phase) && job.worker == place.worker && job.device == place.device) return &job;
  }
  return nullptr;
}

std::string over(std::int64_t attempt, const JobState& job) {
  const std::string number = "attempt " + std::to_string(attempt);
  if (attempt > job.attempt) return number + " of job " + reference_to(job) + " has not been placed";
  if (is_terminal(job.phase)) return number + " is over; job " + reference_to(job) + " is " + std::string(to_string(job.phase));
  if (attempt < job.attempt && holds_device(job.phase)) return number + " is over; " + std::to_string(job.attempt) + " runs";
  return number + " is over; job " + reference_to(job) + " is " + std::string(to_string(job.phase));
}

Error stopping(const JobState& job) {
  return conflict("job " + reference_to(job) + " is " + std::string(to_string(job.phase)) + "; stop the attempt");
}

}  // namespace

Result<const JobState*> reported_job(const World& world, const Request& request, std::int64_t attempt) {
  const auto job = target(world.jobs, request);
  if (!job) return job;
  if (attempt != (*job)->attempt || !holds_device((*job)->phase)) return conflict(over(attempt, **job), "data.attempt");
  if (auto ok = check_attempt_sender(request, (*job)->worker); !ok) return ok.error();
  return job;
}

Fact ended_without_result(const JobState& job, const AttemptEnd& end, const Limits& limits) {
  const bool again = end.retryable && (!counts_as_failure(end.outcome) || job.attempts_failed + 1 < limits.job_attempts_max);
  if (job.phase == JobPhase::cancelling) return fact_of(job, JobCancelled{job.reason});
  if (!again) return fact_of(job, JobFailed{job.attempt, end.outcome, end.reason});
  if (job.phase == JobPhase::pausing) return fact_of(job, JobPaused{job.checkpoint_step});
  return fact_of(job, JobAttemptEnded{job.attempt, end.outcome, end.reason});
}

Decision decide(const World& world, const Request& request, const PlaceJob& place, const Limits&) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  const JobState& job = **found;
  if (job.phase != JobPhase::queued)
    return conflict("job " + reference_to(job) + " is " + std::string(to_string(job.phase)) + ", not queued");
  if (place.attempt != job.attempt + 1)
    return conflict("the next attempt of job " + reference_to(job) + " is " + std::to_string(job.attempt + 1), "data.attempt");
  if (auto ok = check_placing(world, place.worker, place.incarnation, place.device); !ok) return ok.error();
  if (const JobState* user = user_of_device(world, place))
    return conflict("device " + place.device + " of worker " + place.worker + " is used by job " + reference_to(*user), "data.device");
  return Facts{fact_of(job, JobPlaced{place.attempt, place.worker, place.incarnation, place.device})};
}

Decision decide(const World& world, const Request& request, const BeginAttempt& begin, const Limits&) {
  const auto found = reported_job(world, request, begin.attempt);
  if (!found) return found.error();
  const JobState& job = **found;
  if (job.phase == JobPhase::active) return Facts{};
  if (job.phase != JobPhase::placed) return stopping(job);
  // A worker's disk may hold a later checkpoint than the last one that we heard of before it was lost.
  if (begin.resumed_from_step < 0 || begin.resumed_from_step > job.inputs.steps)
    return invalid("data.resumed_from_step: 0 to " + std::to_string(job.inputs.steps) + " is needed", "data.resumed_from_step");
  if (!job.started) return Facts{fact_of(job, JobStarted{begin.attempt})};
  return Facts{fact_of(job, JobAttemptStarted{begin.attempt, begin.resumed_from_step})};
}

Decision decide(const World& world, const Request& request, const RecordCheckpoint& record, const Limits&) {
  const auto found = reported_job(world, request, record.attempt);
  if (!found) return found.error();
  const JobState& job = **found;
  if (job.phase == JobPhase::placed) return conflict("attempt " + std::to_string(record.attempt) + " has not begun");
  if (record.step < 1 || record.step > job.inputs.steps)
    return invalid("data.step: 1 to " + std::to_string(job.inputs.steps) + " is needed", "data.step");
  if (record.step == job.checkpoint_step) return Facts{};
  if (record.step < job.checkpoint_step)
    return conflict("a checkpoint of step " + std::to_string(job.checkpoint_step) + " is there already", "data.step");
  return Facts{fact_of(job, JobCheckpointed{record.attempt, record.step})};
}

Decision decide(const World& world, const Request& request, const FailAttempt& fail, const Limits& limits) {
  const auto found = reported_job(world, request, fail.attempt);
  if (!found) return found.error();
  return Facts{ended_without_result(
      **found, {readable(fail.outcome, limits), readable(fail.reason, limits), fail.retryable}, limits)};
}

Decision decide(const World& world, const Request& request, const ConfirmStopped& stopped, const Limits&) {
  const auto found = reported_job(world, request, stopped.attempt);
  if (!found) return found.error();
  const JobState& job = **found;
  if (job.phase == JobPhase::cancelling) return Facts{fact_of(job, JobCancelled{job.reason})};
  if (job.phase != JobPhase::pausing)
    return conflict("job " + reference_to(job) + " is " + std::string(to_string(job.phase)) + "; nobody asked it to stop");
  if (stopped.step < 0 || stopped.step > job.inputs.steps)
    return invalid("data.step: 0 to " + std::to_string(job.inputs.steps) + " is needed", "data.step");
  return Facts{fact_of(job, JobPaused{std::max(stopped.step, job.checkpoint_step)})};
}

}  // namespace luthier::events
