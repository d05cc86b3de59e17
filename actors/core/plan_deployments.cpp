#include <set>

#include "actors/core/plan.hpp"
#include "events/job/attempt.hpp"
#include "events/world/rules.hpp"

namespace luthier::core {
namespace {

using namespace events;
using worker::TaskReport;
using Phase = ServedAdapter::Phase;

Request about(const View& view, const DeploymentState& deployment, const std::string& verb, Command command) {
  return own_request(deployment.workspace, "deployment", deployment.name,
                     deployment.id + ":" + std::to_string(deployment.attempt) + ":" + verb + "@" + std::to_string(view.applied),
                     std::move(command));
}

const ModelState* model_of(const World& world, const DeploymentState& deployment) {
  const auto name = parse_reference(deployment.model, deployment.workspace);
  const auto found = name ? world.models.find(*name) : world.models.end();
  return found == world.models.end() ? nullptr : &found->second;
}

// What its users see while it is not placed, once.
void postpone(const View& view, const DeploymentState& deployment, const std::string& reason, std::vector<Request>& plan) {
  if (deployment.waits_for != reason) plan.push_back(about(view, deployment, "postpone", PostponeDeployment{reason, false}));
}

// True: its checkpoint is there and has been read.
bool prepare(const View& view, const DeploymentState& deployment, std::vector<Request>& plan) {
  const ModelState* model = model_of(view.world, deployment);
  if (!model) return postpone(view, deployment, "waits for model " + deployment.model + ", which does not exist", plan), false;
  if (deployment.model_id.empty()) return plan.push_back(about(view, deployment, "resolve", ResolveDeployment{})), false;
  if (model->id != deployment.model_id) {
    postpone(view, deployment, "model " + deployment.model + " was deleted and made again: make a new version of this deployment", plan);
    return false;
  }
  if (model->spec_fileset_version > 0 && model->spec_error.empty()) return true;
  const auto analysed = check_analysed(view.world, *model);
  if (!model->spec_error.empty() && !analysed && analysed.error().code == ErrorCode::invalid)
    plan.push_back(about(view, deployment, "give-up", PostponeDeployment{analysed.error().message, true}));
  else
    postpone(view, deployment, "waits: " + (analysed ? "model " + deployment.model + " is not analysed yet" : analysed.error().message), plan);
  return false;
}

// Serving shares a device; the worker with the fewest deployments takes the next one.
void place(const View& view, const DeploymentState& deployment, std::vector<Request>& plan) {
  const WorkerState* best = nullptr;
  std::size_t best_load = 0;
  for (const auto& [name, worker] : view.world.workers) {
    if (worker.draining || worker.devices.empty() || !view.fleet.is_live(worker, view.now, view.settings.lease)) continue;
    std::size_t load = 0;
    for (const auto& [key, other] : view.world.deployments) load += other.worker == name ? 1 : 0;
    if (!best || load < best_load) best = &worker, best_load = load;
  }
  if (!best) return postpone(view, deployment, "waits for a worker that can take it", plan);
  plan.push_back(about(view, deployment, "place",
                       PlaceDeployment{deployment.attempt + 1, best->name, best->incarnation, best->devices.front().id}));
}

void follow_end(const View& view, const DeploymentState& deployment, const TaskReport& report, std::vector<Request>& plan) {
  if (deployment.phase == DeploymentPhase::deleting)
    return plan.push_back(about(view, deployment, "gone", ConfirmUndeployed{deployment.attempt}));
  const bool retryable = report.retryable || report.outcome == TaskReport::Outcome::stopped;
  const std::string outcome = left_in_order(report)                            ? std::string(outcome_stopped)
                              : report.outcome == TaskReport::Outcome::failed ? "failed"
                                                                               : "crashed";
  plan.push_back(about(view, deployment, "end", FailDeployment{deployment.attempt, outcome, report.reason, retryable}));
}

std::map<std::string, const AdapterState*> wanted_adapters(const World& world, const DeploymentState& deployment) {
  std::map<std::string, const AdapterState*> wanted;
  const auto name = parse_reference(deployment.model, deployment.workspace);
  const auto model = name ? world.models.find(*name) : world.models.end();
  if (!deployment.lora_enabled || model == world.models.end()) return wanted;
  for (const auto& [key, adapter] : model->second.adapters)
    if (adapter.enabled) wanted[served_name(adapter.workspace, adapter.name)] = &adapter;
  return wanted;
}

const worker::AdapterReport* find(const TaskReport& report, const std::string& served_name) {
  for (const auto& adapter : report.adapters)
    if (adapter.served_name == served_name) return &adapter;
  return nullptr;
}

// What is wanted and not (or otherwise) loaded.
void load_wanted(const View& view, const DeploymentState& deployment, Backoff& backoff, std::vector<Request>& plan) {
  for (const auto& [served, adapter] : wanted_adapters(view.world, deployment)) {
    const auto known = deployment.adapters.find(served);
    const auto key = adapter->key();
    const bool same = known != deployment.adapters.end() && known->second.key == key;
    if (same && (known->second.phase == Phase::loading || known->second.phase == Phase::loaded)) continue;
    if (known != deployment.adapters.end() && known->second.phase == Phase::unloading) continue;  // first let it end
    const auto retry = deployment.id + "/" + served + "/" + key;
    if (same && known->second.phase == Phase::failed && !backoff.allows(retry, 6, view.now, view.settings)) continue;
    backoff.forget(retry);
    plan.push_back(about(view, deployment, "load:" + served, RequestAdapterLoad{deployment.attempt, served, key}));
  }
}

// What is known and no longer wanted.
void unload_unwanted(const View& view, const DeploymentState& deployment, std::vector<Request>& plan) {
  const auto wanted = wanted_adapters(view.world, deployment);
  for (const auto& [served, state] : deployment.adapters)
    if (state.phase != Phase::unloading && !wanted.contains(served))
      plan.push_back(about(view, deployment, "unload:" + served, RequestAdapterUnload{deployment.attempt, served}));
}

// What was asked for and, as the worker sees it, has happened.
void confirm(const View& view, const DeploymentState& deployment, const TaskReport& report, std::vector<Request>& plan) {
  for (const auto& [served, state] : deployment.adapters) {
    const auto* seen = find(report, served);
    if (state.phase == Phase::loading && seen && seen->key == state.key) {
      if (seen->error.empty())
        plan.push_back(about(view, deployment, "loaded:" + served, ConfirmAdapterLoaded{deployment.attempt, served, state.key}));
      else
        plan.push_back(about(view, deployment, "load-failed:" + served,
                             FailAdapterLoad{deployment.attempt, served, state.key, seen->error}));
    }
    if (state.phase == Phase::unloading && (!seen || !seen->error.empty()))
      plan.push_back(about(view, deployment, "unloaded:" + served, ConfirmAdapterUnloaded{deployment.attempt, served}));
  }
}

void follow(const View& view, const DeploymentState& deployment, Backoff& backoff, std::vector<Request>& plan) {
  const auto* report =
      view.fleet.report(deployment.worker, deployment.incarnation, {worker::TaskKind::serve, deployment.id, deployment.attempt});
  if (report && report->state == TaskReport::State::ended) return follow_end(view, deployment, *report, plan);
  if (report && report->state == TaskReport::State::running && deployment.phase == DeploymentPhase::placed)
    plan.push_back(about(view, deployment, "ready", ReportReady{deployment.attempt, report->endpoint}));
  if (deployment.phase != DeploymentPhase::ready) return;
  load_wanted(view, deployment, backoff, plan);
  unload_unwanted(view, deployment, plan);
  if (report) confirm(view, deployment, *report, plan);
}

}  // namespace

std::vector<Request> plan_deployments(const View& view, Backoff& backoff) {
  std::vector<Request> plan;
  for (const auto& [name, deployment] : view.world.deployments) {
    switch (deployment.phase) {
      case DeploymentPhase::pending:
        if (!deployment.set_status.empty()) break;  // a client moves it by hand
        if (!prepare(view, deployment, plan)) break;
        if (backoff.allows(deployment.id, deployment.attempts_failed, view.now, view.settings)) place(view, deployment, plan);
        break;
      case DeploymentPhase::placed:
      case DeploymentPhase::ready:
      case DeploymentPhase::deleting:
        if (!deployment.worker.empty()) follow(view, deployment, backoff, plan);
        break;
      case DeploymentPhase::failed:
        backoff.forget(deployment.id);
        break;
    }
  }
  return plan;
}

}  // namespace luthier::core
