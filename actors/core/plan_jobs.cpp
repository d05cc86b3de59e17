#include <algorithm>
#include <set>

#include "actors/core/plan.hpp"
#include "actors/worker/doors.hpp"
#include "events/job/attempt.hpp"
#include "events/json/value.hpp"

namespace luthier::core {
namespace {

using namespace events;
using worker::TaskReport;

Request about(const View& view, const JobState& job, const std::string& verb, Command command) {
  return own_request(job.workspace, "job", job.name,
                     job.id + ":" + std::to_string(job.attempt) + ":" + verb + "@" + std::to_string(view.applied),
                     std::move(command));
}

Command ended(const JobState& job, const TaskReport& report) {
  switch (report.outcome) {
    case TaskReport::Outcome::completed:
      return CompleteAttempt{job.attempt, report.files, report.summary};
    case TaskReport::Outcome::stopped:
      if (job.phase == JobPhase::cancelling || job.phase == JobPhase::pausing)
        return ConfirmStopped{job.attempt, report.checkpoint_step};
      return FailAttempt{job.attempt, left_in_order(report) ? std::string(outcome_stopped) : "lost",
                         report.reason.empty() ? "the worker stopped it" : report.reason, true};
    case TaskReport::Outcome::failed:
      return FailAttempt{job.attempt, "failed", report.reason, report.retryable};
    case TaskReport::Outcome::crashed:
    case TaskReport::Outcome::none:
      break;
  }
  return FailAttempt{job.attempt, "crashed", report.reason, report.retryable};
}

// What the worker says of the present attempt, as commands in the order in which it happened.
void follow_report(const View& view, const JobState& job, std::vector<Request>& plan) {
  const auto* report = view.fleet.report(job.worker, job.incarnation, {worker::TaskKind::train, job.id, job.attempt});
  if (!report || report->state == TaskReport::State::starting) return;
  const bool stopped_before_begin = report->outcome == TaskReport::Outcome::stopped;
  if (job.phase == JobPhase::placed && !stopped_before_begin)
    plan.push_back(about(view, job, "begin", BeginAttempt{job.attempt, report->resumed_from_step}));
  if (report->checkpoint_step > job.checkpoint_step)
    plan.push_back(about(view, job, "checkpoint", RecordCheckpoint{job.attempt, report->checkpoint_step}));
  if (report->state == TaskReport::State::ended) plan.push_back(about(view, job, "end", ended(job, *report)));
}

using DeviceName = std::pair<std::string, std::string>;  // worker, device

std::set<DeviceName> devices_in_use(const World& world) {
  std::set<DeviceName> used;
  for (const auto& name : world.open_jobs)
    if (const auto& job = world.jobs.at(name); holds_device(job.phase)) used.insert({job.worker, job.device});
  return used;
}

// How many devices the job was asked for with. One of them trains; but a job for eight does not start where there is one.
std::int64_t devices_wanted(const JobState& job) {
  if (job.details.text.find("\"devices\"") == std::string::npos) return 1;
  const auto details = json::parse(job.details.text);
  const auto* member = details ? details->find("devices") : nullptr;
  const auto* wanted = member ? std::get_if<std::int64_t>(&member->held) : nullptr;
  return wanted ? std::max<std::int64_t>(1, *wanted) : 1;
}

std::int64_t devices_there(const View& view) {
  std::int64_t count = 0;
  for (const auto& [name, worker] : view.world.workers)
    if (!worker.draining && view.fleet.is_live(worker, view.now, view.settings.lease)) count += static_cast<std::int64_t>(worker.devices.size());
  return count;
}

struct Place {
  const WorkerState* worker = nullptr;
  const Device* device = nullptr;
};

Place find_place(const View& view, const JobState& job, const std::set<DeviceName>& used) {
  for (const auto& [name, worker] : view.world.workers) {
    if (worker.draining || !view.fleet.is_live(worker, view.now, view.settings.lease)) continue;
    for (const auto& device : worker.devices)
      if (!used.contains({name, device.id}) && device.memory_bytes >= job.inputs.memory_bytes) return {&worker, &device};
  }
  return {};
}

std::vector<const JobState*> queued_in_order(const World& world) {
  std::vector<const JobState*> queue;
  for (const auto& name : world.open_jobs)
    if (const auto& job = world.jobs.at(name); job.phase == JobPhase::queued) queue.push_back(&job);
  std::sort(queue.begin(), queue.end(), [](const JobState* a, const JobState* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->queued_order < b->queued_order;
  });
  return queue;
}

void place_queued(const View& view, Backoff& backoff, std::vector<Request>& plan) {
  auto used = devices_in_use(view.world);
  for (const auto* job : queued_in_order(view.world)) {
    if (!backoff.allows(job->id, job->attempts_failed, view.now, view.settings)) continue;
    if (const auto wanted = devices_wanted(*job); wanted > 1 && wanted > devices_there(view)) continue;
    const auto place = find_place(view, *job, used);
    if (!place.worker) continue;
    used.insert({place.worker->name, place.device->id});
    plan.push_back(about(view, *job, "place",
                         PlaceJob{job->attempt + 1, place.worker->name, place.worker->incarnation, place.device->id}));
  }
}

}  // namespace

bool left_in_order(const worker::TaskReport& report) {
  return report.outcome == TaskReport::Outcome::stopped && report.reason == worker::to_string(worker::StopWhy::leaving);
}

constexpr std::size_t entries_max = 10'000;

bool Backoff::allows(const std::string& entity_id, std::int64_t failures, Monotonic now, const Settings& settings) {
  if (failures == 0) return true;
  if (since_.size() >= entries_max) since_.clear();  // bounded; the price is one pause too many
  auto [found, is_new] = since_.try_emplace(entity_id, Since{failures, now});
  if (!is_new && found->second.failures != failures) found->second = {failures, now};
  const auto shift = std::min<std::int64_t>(failures - 1, 16);
  const auto wait = std::min(settings.retry_backoff_max, settings.retry_backoff_min * (std::int64_t{1} << shift));
  return now - found->second.at >= wait;
}

void Backoff::forget(const std::string& entity_id) { since_.erase(entity_id); }

std::vector<Request> plan_jobs(const View& view, Backoff& backoff) {
  std::vector<Request> plan;
  for (const auto& name : view.world.open_jobs)
    if (const auto& job = view.world.jobs.at(name); holds_device(job.phase)) follow_report(view, job, plan);
  place_queued(view, backoff, plan);
  return plan;
}

std::string why_waiting(const View& view, const JobState& job) {
  if (job.phase != JobPhase::queued) return "";
  bool any_live = false, any_large_enough = false;
  for (const auto& [name, worker] : view.world.workers) {
    if (worker.draining || !view.fleet.is_live(worker, view.now, view.settings.lease)) continue;
    any_live = true;
    for (const auto& device : worker.devices) any_large_enough |= device.memory_bytes >= job.inputs.memory_bytes;
  }
  if (!any_live) return "no worker is there";
  if (const auto wanted = devices_wanted(job), there = devices_there(view); wanted > there)
    return "it asks for " + std::to_string(wanted) + " devices, and " + std::to_string(there) + (there == 1 ? " is" : " are") + " there";
  if (!any_large_enough) return "no device has the " + std::to_string(job.inputs.memory_bytes) + " bytes that it needs";
  if (find_place(view, job, devices_in_use(view.world)).worker) return "";
  return "every device that is large enough has another job";
}

std::map<std::string, std::string> why_waiting(const View& view) {
  std::map<std::string, std::string> reasons;
  for (const auto* job : queued_in_order(view.world))
    if (auto why = why_waiting(view, *job); !why.empty()) reasons[job->id] = std::move(why);
  return reasons;
}

}  // namespace luthier::core
