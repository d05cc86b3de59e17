#include "events/job/attempt.hpp"
#include "events/job/rules.hpp"

namespace luthier::events {
namespace {

JobState& job_of(World& world, const Fact& fact) { return subject(world.jobs, fact); }

void leave_place(JobState& job) {
  job.worker.clear();
  job.incarnation.clear();
  job.device.clear();
}

// Nothing follows: what a decision could still ask for is little, and there may be very many ended jobs.
void end(World& world, const Fact& fact, JobPhase phase) {
  JobState& job = job_of(world, fact);
  job.phase = phase;
  leave_place(job);
  for (std::string* bulky : {&job.model, &job.dataset, &job.output, &job.output_fileset, &job.method, &job.description})
    std::string().swap(*bulky);
  job.config = {};
  job.preparation = {};
  job.inputs = {};
  job.deploy.reset();
  job.teacher.reset();
  world.open_jobs.erase({fact.workspace, fact.name});
}

JobState accepted_job(World& world, const Fact& fact, const auto& event) {
  JobState job;
  job.id = fact.stream.id;
  job.workspace = fact.workspace;
  job.name = fact.name;
  job.queued_order = ++world.jobs_accepted;
  job.priority = event.priority;
  job.model = event.model;
  job.dataset = event.dataset;
  job.output = event.output;
  job.method = event.method;
  job.description = event.description;
  job.config = event.config;
  return job;
}

void add(World& world, const Fact& fact, JobState job) {
  world.jobs[{fact.workspace, fact.name}] = std::move(job);
  world.open_jobs.insert({fact.workspace, fact.name});
  count_new(world, "job", fact.workspace);
}

void begin(JobState& job, std::int64_t resumed_from_step) {
  job.phase = JobPhase::active;
  job.started = true;
  job.checkpoint_step = resumed_from_step;  // what lies after it will be done again
}

}  // namespace

void evolve(World& world, const Fact& fact, const JobSubmitted& submitted) {
  JobState job = accepted_job(world, fact, submitted);
  job.phase = JobPhase::checking;
  job.model_id = submitted.model_id;
  job.inputs.dataset_fileset_id = submitted.dataset_fileset_id;
  job.output_fileset = submitted.output_fileset;
  job.preparation = submitted.preparation;
  job.details = submitted.details;
  job.deploy = submitted.deploy;
  add(world, fact, std::move(job));
}

void evolve(World& world, const Fact& fact, const JobDetailsSet& set) { job_of(world, fact).details = set.details; }

void evolve(World& world, const Fact& fact, const JobDeleted&) {
  world.jobs.erase({fact.workspace, fact.name});
  count_gone(world, "job", fact.workspace);
}

// The first event of a job that was checked before it was accepted, the second of one that was submitted.
void evolve(World& world, const Fact& fact, const JobQueued& queued) {
  const auto found = world.jobs.find({fact.workspace, fact.name});
  if (found == world.jobs.end()) add(world, fact, accepted_job(world, fact, queued));
  JobState& job = job_of(world, fact);
  job.phase = JobPhase::queued;
  job.prepared = true;
  job.model_id = queued.inputs.model_id;
  job.config = queued.config;
  job.inputs = queued.inputs;
}

void evolve(World& world, const Fact& fact, const JobTeacherSet& set) { job_of(world, fact).teacher = set.teacher; }

void evolve(World& world, const Fact& fact, const JobPlaced& placed) {
  JobState& job = job_of(world, fact);
  job.phase = JobPhase::placed;
  job.attempt = placed.attempt;
  job.worker = placed.worker;
  job.incarnation = placed.incarnation;
  job.device = placed.device;
}

void evolve(World& world, const Fact& fact, const JobStarted&) { begin(job_of(world, fact), 0); }

void evolve(World& world, const Fact& fact, const JobAttemptStarted& started) {
  begin(job_of(world, fact), started.resumed_from_step);
}

void evolve(World& world, const Fact& fact, const JobCheckpointed& checkpointed) {
  job_of(world, fact).checkpoint_step = checkpointed.step;
}

void evolve(World& world, const Fact& fact, const JobAttemptEnded& ended) {
  JobState& job = job_of(world, fact);
  job.phase = JobPhase::queued;
  if (counts_as_failure(ended.outcome)) ++job.attempts_failed;
  job.outcome = ended.outcome;
  job.reason = ended.reason;
  leave_place(job);
}

void evolve(World&, const Fact&, const JobStepFinished&) {}

void evolve(World& world, const Fact& fact, const JobCancelRequested& requested) {
  JobState& job = job_of(world, fact);
  job.phase = JobPhase::cancelling;
  job.reason = requested.reason;
}

void evolve(World& world, const Fact& fact, const JobPauseRequested&) { job_of(world, fact).phase = JobPhase::pausing; }

void evolve(World& world, const Fact& fact, const JobPaused& paused) {
  JobState& job = job_of(world, fact);
  job.phase = JobPhase::paused;
  job.checkpoint_step = paused.step;
  leave_place(job);
}

void evolve(World& world, const Fact& fact, const JobResumed&) {
  JobState& job = job_of(world, fact);
  job.phase = job.prepared ? JobPhase::queued : JobPhase::checking;
}

void evolve(World& world, const Fact& fact, const JobCompleted&) { end(world, fact, JobPhase::completed); }

void evolve(World& world, const Fact& fact, const JobFailed& failed) {
  JobState& job = job_of(world, fact);
  ++job.attempts_failed;
  job.outcome = failed.outcome;
  job.reason = failed.reason;
  end(world, fact, JobPhase::failed);
}

void evolve(World& world, const Fact& fact, const JobCancelled& cancelled) {
  job_of(world, fact).reason = cancelled.reason;
  end(world, fact, JobPhase::cancelled);
}

}  // namespace luthier::events
