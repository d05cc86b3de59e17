#include "events/deployment/rules.hpp"
#include "events/job/attempt.hpp"

namespace luthier::events {
namespace {

DeploymentState& deployment_of(World& world, const Fact& fact) { return subject(world.deployments, fact); }

// What an attempt has loaded ends with it.
void leave_place(DeploymentState& deployment) {
  deployment.worker.clear();
  deployment.incarnation.clear();
  deployment.device.clear();
  deployment.endpoint.clear();
  deployment.adapters.clear();
}

void end_attempt(DeploymentState& deployment, const std::string& outcome, const std::string& reason) {
  if (counts_as_failure(outcome)) ++deployment.attempts_failed;
  deployment.outcome = outcome;
  deployment.reason = reason;
  leave_place(deployment);
}

}  // namespace

void evolve(World& world, const Fact& fact, const DeploymentCreated& created) {
  DeploymentState deployment;
  deployment.id = fact.stream.id;
  deployment.workspace = fact.workspace;
  deployment.name = fact.name;
  deployment.model = created.model;
  deployment.model_id = created.model_id;
  deployment.description = created.description;
  deployment.lora_enabled = created.lora_enabled;
  world.deployments[{fact.workspace, fact.name}] = std::move(deployment);
  count_new(world, "deployment", fact.workspace);
}

void evolve(World& world, const Fact& fact, const DeploymentDetailsSet& set) { deployment_of(world, fact).details = set.details; }

void evolve(World& world, const Fact& fact, const DeploymentStatusSet& set) { deployment_of(world, fact).set_status = set.status; }

void evolve(World& world, const Fact& fact, const DeploymentResolved& resolved) { deployment_of(world, fact).model_id = resolved.model_id; }

void evolve(World& world, const Fact& fact, const DeploymentRevised& revised) {
  DeploymentState& deployment = deployment_of(world, fact);
  deployment.model = revised.model;
  deployment.model_id = revised.model_id;
  deployment.lora_enabled = revised.lora_enabled;
  deployment.phase = DeploymentPhase::pending;
  deployment.attempts_failed = 0;
  deployment.waits_for.clear();
}

void evolve(World& world, const Fact& fact, const DeploymentPostponed& postponed) { deployment_of(world, fact).waits_for = postponed.reason; }

void evolve(World& world, const Fact& fact, const DeploymentUpdated& updated) {
  DeploymentState& deployment = deployment_of(world, fact);
  deployment.description = updated.description;
  deployment.lora_enabled = updated.lora_enabled;
}

void evolve(World& world, const Fact& fact, const DeploymentPlaced& placed) {
  DeploymentState& deployment = deployment_of(world, fact);
  deployment.phase = DeploymentPhase::placed;
  deployment.waits_for.clear();
  deployment.attempt = placed.attempt;
  deployment.worker = placed.worker;
  deployment.incarnation = placed.incarnation;
  deployment.device = placed.device;
}

void evolve(World& world, const Fact& fact, const DeploymentReady& ready) {
  DeploymentState& deployment = deployment_of(world, fact);
  deployment.phase = DeploymentPhase::ready;
  deployment.endpoint = ready.endpoint;
  deployment.attempts_failed = 0;
}

void evolve(World& world, const Fact& fact, const DeploymentAttemptEnded& ended) {
  DeploymentState& deployment = deployment_of(world, fact);
  deployment.phase = DeploymentPhase::pending;
  end_attempt(deployment, ended.outcome, ended.reason);
}

void evolve(World& world, const Fact& fact, const DeploymentFailed& failed) {
  DeploymentState& deployment = deployment_of(world, fact);
  deployment.phase = DeploymentPhase::failed;
  end_attempt(deployment, failed.outcome, failed.reason);
}

void evolve(World& world, const Fact& fact, const DeploymentDeleteRequested&) {
  deployment_of(world, fact).phase = DeploymentPhase::deleting;
}

void evolve(World& world, const Fact& fact, const DeploymentDeleted&) {
  world.deployments.erase({fact.workspace, fact.name});
  count_gone(world, "deployment", fact.workspace);
}

void evolve(World& world, const Fact& fact, const AdapterLoadRequested& requested) {
  deployment_of(world, fact).adapters[requested.adapter] = {ServedAdapter::Phase::loading, requested.key};
}

void evolve(World& world, const Fact& fact, const AdapterLoaded& loaded) {
  deployment_of(world, fact).adapters[loaded.adapter] = {ServedAdapter::Phase::loaded, loaded.key};
}

void evolve(World& world, const Fact& fact, const AdapterLoadFailed& failed) {
  deployment_of(world, fact).adapters[failed.adapter] = {ServedAdapter::Phase::failed, failed.key};
}

void evolve(World& world, const Fact& fact, const AdapterUnloadRequested& requested) {
  deployment_of(world, fact).adapters[requested.adapter].phase = ServedAdapter::Phase::unloading;
}

void evolve(World& world, const Fact& fact, const AdapterUnloaded& unloaded) {
  deployment_of(world, fact).adapters.erase(unloaded.adapter);
}

}  // namespace luthier::events
