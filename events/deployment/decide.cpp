#include "events/deployment/rules.hpp"

#include <algorithm>

#include "events/deployment/attempt.hpp"

namespace luthier::events {
namespace {

std::string phase_of(const DeploymentState& deployment) {
  return "deployment " + reference_to(deployment) + " is " + std::string(to_string(deployment.phase));
}

// The gateway routes by model, so that one deployment serves it.
const DeploymentState* server_of(const World& world, const std::string& model_id) {
  const auto found = std::find_if(world.deployments.begin(), world.deployments.end(),
                                  [&](const auto& entry) { return entry.second.model_id == model_id; });
  return found == world.deployments.end() ? nullptr : &found->second;
}

}  // namespace

Result<const DeploymentState*> reported_deployment(const World& world, const Request& request, std::int64_t attempt) {
  const auto found = target(world.deployments, request);
  if (!found) return found;
  const DeploymentState& deployment = **found;
  if (attempt != deployment.attempt || !holds_device(deployment.phase))
    return conflict("attempt " + std::to_string(attempt) + " is not what runs: " + phase_of(deployment) + ", its last attempt is " +
                        std::to_string(deployment.attempt), "data.attempt");
  if (auto ok = check_attempt_sender(request, deployment.worker); !ok) return ok.error();
  return found;
}

Result<const DeploymentState*> serving_deployment(const World& world, const Request& request, std::int64_t attempt) {
  const auto found = reported_deployment(world, request, attempt);
  if (found && (*found)->phase != DeploymentPhase::ready) return conflict(phase_of(**found) + ", not ready");
  return found;
}

Fact ended_serving(const DeploymentState& deployment, const AttemptEnd& end, const Limits& limits) {
  const bool again =
      end.retryable && (!counts_as_failure(end.outcome) || deployment.attempts_failed + 1 < limits.deployment_attempts_max);
  if (deployment.phase == DeploymentPhase::deleting) return fact_of(deployment, DeploymentDeleted{});
  if (!again) return fact_of(deployment, DeploymentFailed{deployment.attempt, end.outcome, end.reason});
  return fact_of(deployment, DeploymentAttemptEnded{deployment.attempt, end.outcome, end.reason});
}

Decision decide(const World& world, const Request& request, const CreateDeployment& create, const Limits& limits) {
  const std::string& workspace = request.key.workspace;
  if (auto ok = check_new_name(world, "deployment", workspace, request.name, "name", limits); !ok) return ok.error();
  if (auto ok = check_description(create.description, limits); !ok) return ok.error();
  const auto model = existing_model(world, create.model, workspace, "data.model");
  if (!model) return model.error();
  if (auto ok = check_analysed(world, **model); !ok) return ok.error();
  if (const auto* server = server_of(world, (*model)->id))
    return conflict("model " + reference_to(**model) + " is served by deployment " + reference_to(*server) + " already", "data.model");
  return Facts{opening_fact(request, workspace, request.name,
                            DeploymentCreated{reference_to(**model), (*model)->id, create.description, create.lora_enabled})};
}

Decision decide(const World& world, const Request& request, const UpdateDeployment& update, const Limits& limits) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& now = **found;
  if (now.phase == DeploymentPhase::deleting) return conflict(phase_of(now));
  const DeploymentUpdated updated{update.description.value_or(now.description), update.lora_enabled.value_or(now.lora_enabled)};
  if (auto ok = check_description(updated.description, limits); !ok) return ok.error();
  if (updated.description == now.description && updated.lora_enabled == now.lora_enabled) return Facts{};
  return Facts{fact_of(now, updated)};
}

Decision decide(const World& world, const Request& request, const DeleteDeployment&, const Limits&) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  switch ((*found)->phase) {
    case DeploymentPhase::pending:
    case DeploymentPhase::failed: return Facts{fact_of(**found, DeploymentDeleted{})};
    case DeploymentPhase::placed:
    case DeploymentPhase::ready: return Facts{fact_of(**found, DeploymentDeleteRequested{})};
    case DeploymentPhase::deleting: return Facts{};
  }
  return Facts{};
}

Decision decide(const World& world, const Request& request, const PlaceDeployment& place, const Limits&) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& deployment = **found;
  if (deployment.phase != DeploymentPhase::pending) return conflict(phase_of(deployment) + ", not pending");
  if (place.attempt != deployment.attempt + 1)
    return conflict("the next attempt of deployment " + reference_to(deployment) + " is " + std::to_string(deployment.attempt + 1),
                    "data.attempt");
  if (auto ok = check_placing(world, place.worker, place.incarnation, place.device); !ok) return ok.error();
  return Facts{fact_of(deployment, DeploymentPlaced{place.attempt, place.worker, place.incarnation, place.device})};
}

Decision decide(const World& world, const Request& request, const ReportReady& ready, const Limits& limits) {
  const auto found = reported_deployment(world, request, ready.attempt);
  if (!found) return found.error();
  const DeploymentState& deployment = **found;
  if (ready.endpoint.empty() || ready.endpoint.size() > limits.description_bytes_max)
    return invalid("data.endpoint: an address such as http://127.0.0.1:41234 is needed", "data.endpoint");
  if (deployment.phase == DeploymentPhase::ready && deployment.endpoint == ready.endpoint) return Facts{};
  if (deployment.phase != DeploymentPhase::placed) return conflict(phase_of(deployment) + ", not placed");
  return Facts{fact_of(deployment, DeploymentReady{ready.attempt, ready.endpoint})};
}

Decision decide(const World& world, const Request& request, const FailDeployment& fail, const Limits& limits) {
  const auto found = reported_deployment(world, request, fail.attempt);
  if (!found) return found.error();
  return Facts{ended_serving(**found, {readable(fail.outcome, limits), readable(fail.reason, limits), fail.retryable}, limits)};
}

Decision decide(const World& world, const Request& request, const ConfirmUndeployed& gone, const Limits&) {
  const auto found = reported_deployment(world, request, gone.attempt);
  if (!found) return found.error();
  if ((*found)->phase != DeploymentPhase::deleting) return conflict(phase_of(**found) + "; nobody asked it to stop");
  return Facts{fact_of(**found, DeploymentDeleted{})};
}

}  // namespace luthier::events
