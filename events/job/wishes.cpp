// What people ask of a job that was accepted: cancel, pause, resume. A running attempt is asked to stop; the job's phase
// follows once its process is gone.
#include "events/job/rules.hpp"

namespace luthier::events {
namespace {

Error not_now(const JobState& job, const std::string& wish) {
  return conflict("job " + reference_to(job) + " is " + std::string(to_string(job.phase)) + " and cannot be " + wish);
}

}  // namespace

Decision decide(const World& world, const Request& request, const CancelJob& cancel, const Limits& limits) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  const JobState& job = **found;
  const std::string reason = readable(cancel.reason, limits);
  switch (job.phase) {
    case JobPhase::checking:
    case JobPhase::queued:
    case JobPhase::paused: return Facts{fact_of(job, JobCancelled{reason})};
    case JobPhase::placed:
    case JobPhase::active:
    case JobPhase::pausing: return Facts{fact_of(job, JobCancelRequested{reason})};
    case JobPhase::cancelling:
    case JobPhase::completed:
    case JobPhase::failed:
    case JobPhase::cancelled: return Facts{};
  }
  return Facts{};
}

Decision decide(const World& world, const Request& request, const PauseJob&, const Limits&) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  const JobState& job = **found;
  switch (job.phase) {
    case JobPhase::checking:
    case JobPhase::queued: return Facts{fact_of(job, JobPaused{job.checkpoint_step})};
    case JobPhase::placed:
    case JobPhase::active: return Facts{fact_of(job, JobPauseRequested{})};
    case JobPhase::pausing:
    case JobPhase::paused: return Facts{};
    case JobPhase::cancelling:
    case JobPhase::completed:
    case JobPhase::failed:
    case JobPhase::cancelled: return not_now(job, "paused");
  }
  return Facts{};
}

Decision decide(const World& world, const Request& request, const ResumeJob&, const Limits&) {
  const auto found = target(world.jobs, request);
  if (!found) return found.error();
  if ((*found)->phase != JobPhase::paused) return not_now(**found, "resumed");
  return Facts{fact_of(**found, JobResumed{})};
}

}  // namespace luthier::events
