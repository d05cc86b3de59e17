#include <algorithm>
#include <cassert>

#include "events/platform_job/details.hpp"
#include "events/platform_job/rules.hpp"

namespace luthier::events {
namespace {

PlatformJobState& job_of(World& world, const Fact& fact) { return subject(world.platform_jobs, fact); }

PlatformStepState& step_of(PlatformJobState& job, const std::string& name) {
  const auto found = std::find_if(job.steps.begin(), job.steps.end(), [&](const PlatformStepState& step) { return step.name == name; });
  assert(found != job.steps.end());
  return *found;
}

StepStatus known(const std::string& status) {
  const auto parsed = parse_step_status(status);
  assert(parsed);
  return *parsed;
}

void merge(JsonText& details, const std::optional<JsonText>& patch) {
  if (patch) details = with_members(details, *patch);
}

}  // namespace

void evolve(World& world, const Fact& fact, const PlatformJobCreated& created) {
  PlatformJobState job;
  job.id = fact.stream.id;
  job.workspace = fact.workspace;
  job.name = fact.name;
  job.step_names = created.steps;
  job.fileset_id = created.fileset_id;
  world.platform_jobs[{fact.workspace, fact.name}] = std::move(job);
  count_new(world, "platform_job", fact.workspace);
}

void evolve(World& world, const Fact& fact, const PlatformStepCreated& created) {
  PlatformStepState step;
  step.name = created.step;
  job_of(world, fact).steps.push_back(std::move(step));
}

void evolve(World& world, const Fact& fact, const PlatformStepStatusSet& set) {
  PlatformStepState& step = step_of(job_of(world, fact), set.step);
  step.status = known(set.status);
  merge(step.details, set.status_details);
}

void evolve(World& world, const Fact& fact, const PlatformJobStatusSet& set) { job_of(world, fact).status = known(set.status); }

void evolve(World& world, const Fact& fact, const PlatformTaskPut& put) {
  PlatformJobState& job = job_of(world, fact);
  PlatformTaskState& task = step_of(job, put.step).tasks[put.task];
  task.status = known(put.status);
  merge(task.details, put.status_details);
  merge(job.details, put.status_details);
}

void evolve(World& world, const Fact& fact, const PlatformJobDetailsMerged& merged) {
  merge(job_of(world, fact).details, merged.status_details);
}

void evolve(World& world, const Fact& fact, const PlatformJobResultPut& put) { job_of(world, fact).results.insert(put.result); }

void evolve(World& world, const Fact& fact, const PlatformJobDeleted&) {
  world.platform_jobs.erase({fact.workspace, fact.name});
  count_gone(world, "platform_job", fact.workspace);
}

}  // namespace luthier::events
