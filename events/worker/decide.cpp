#include <set>

#include "events/deployment/attempt.hpp"
#include "events/job/attempt.hpp"
#include "events/worker/rules.hpp"

namespace luthier::events {
namespace {

Result<void> check_devices(const std::vector<Device>& devices, const Limits& limits) {
  if (devices.empty()) return invalid("data.devices: a worker has at least one device", "data.devices");
  if (devices.size() > limits.devices_per_worker_max)
    return Error{ErrorCode::limit, "data.devices: at most " + std::to_string(limits.devices_per_worker_max), "data.devices"};
  std::set<std::string> seen;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const std::string field = "data.devices[" + std::to_string(i) + "].id";
    if (devices[i].id.empty()) return invalid(field + ": must not be empty", field);
    if (!seen.insert(devices[i].id).second) return invalid(field + ": \"" + devices[i].id + "\" is there twice", field);
  }
  return {};
}

Result<const WorkerState*> known_worker(const World& world, const Request& request) {
  const auto found = world.workers.find(request.name);
  if (found == world.workers.end())
    return Error{ErrorCode::not_found, "worker " + request.name + " not found", "name"};
  return &found->second;
}

// Whatever an incarnation was doing has ended with it.
void end_attempts(const World& world, const WorkerState& worker, std::string_view outcome, const std::string& reason,
                  const Limits& limits, Facts& facts) {
  for (const auto& name : world.open_jobs) {
    const JobState& job = world.jobs.at(name);
    if (holds_device(job.phase) && job.worker == worker.name && job.incarnation == worker.incarnation)
      facts.push_back(ended_without_result(job, {std::string(outcome), reason, true}, limits));
  }
  for (const auto& [name, deployment] : world.deployments)
    if (holds_device(deployment.phase) && deployment.worker == worker.name && deployment.incarnation == worker.incarnation)
      facts.push_back(ended_serving(deployment, {std::string(outcome), reason, true}, limits));
}

}  // namespace

Decision decide(const World& world, const Request& request, const RegisterWorker& hello, const Limits& limits) {
  if (auto ok = check_attempt_sender(request, request.name); !ok) return ok.error();
  if (hello.incarnation.empty()) return invalid("data.incarnation: must not be empty", "data.incarnation");
  if (auto ok = check_devices(hello.devices, limits); !ok) return ok.error();
  const WorkerJoined joined{hello.incarnation, hello.host, hello.engine_version, hello.devices};
  const auto known = world.workers.find(request.name);
  if (known == world.workers.end()) {
    if (auto ok = check_new_name(world, "worker", system_workspace, request.name, "name", limits); !ok) return ok.error();
    return Facts{opening_fact(request, system_workspace, request.name, joined)};
  }
  const WorkerState& worker = known->second;
  if (worker.present && worker.incarnation == hello.incarnation) return Facts{};
  Facts facts{fact_of(worker, joined)};
  if (worker.incarnation != hello.incarnation)
    end_attempts(world, worker, "lost", "worker " + worker.name + " has started again", limits, facts);
  return facts;
}

Decision decide(const World& world, const Request& request, const DrainWorker&, const Limits&) {
  const auto worker = known_worker(world, request);
  if (!worker) return worker.error();
  if (!(*worker)->present) return conflict("worker " + request.name + " is not there", "name");
  if ((*worker)->draining) return Facts{};
  return Facts{fact_of(**worker, WorkerDraining{})};
}

Decision decide(const World& world, const Request& request, const LoseWorker& lose, const Limits& limits) {
  const auto worker = known_worker(world, request);
  if (!worker) return worker.error();
  if (auto ok = check_attempt_sender(request, request.name); !ok) return ok.error();
  if (!(*worker)->present || (*worker)->incarnation != lose.incarnation) return Facts{};  // it is over already
  const std::string reason = readable(lose.reason, limits);
  Facts facts{fact_of(**worker, WorkerLost{lose.incarnation, reason})};
  const std::string ended = "worker " + request.name + (lose.in_order ? " has left" : " was lost: " + lose.reason);
  end_attempts(world, **worker, lose.in_order ? outcome_stopped : "lost", readable(ended, limits), limits, facts);
  return facts;
}

}  // namespace luthier::events
