#include "events/deployment/rules.hpp"

#include <algorithm>
#include <array>

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
  auto details = checked_details(create.details, limits);
  if (!details) return details.error();
  const auto model = existing_model(world, create.model, workspace, "data.model");
  DeploymentCreated created{create.model, "", create.description, create.lora_enabled};
  if (!create.waits) {
    if (!model) return model.error();
    if (auto ok = check_analysed(world, **model); !ok) return ok.error();
    if (const auto* server = server_of(world, (*model)->id))
      return conflict("model " + reference_to(**model) + " is served by deployment " + reference_to(*server) + " already", "data.model");
  }
  if (model) created = {reference_to(**model), (*model)->id, create.description, create.lora_enabled};
  Facts facts{opening_fact(request, workspace, request.name, std::move(created))};
  if (details->text != "{}") facts.push_back({facts[0].stream, workspace, request.name, DeploymentDetailsSet{std::move(*details)}});
  return facts;
}

Decision decide(const World& world, const Request& request, const UpdateDeployment& update, const Limits& limits) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& now = **found;
  if (now.phase == DeploymentPhase::deleting) return conflict(phase_of(now));
  const DeploymentUpdated updated{update.description.value_or(now.description), update.lora_enabled.value_or(now.lora_enabled)};
  if (auto ok = check_description(updated.description, limits); !ok) return ok.error();
  auto details = patched_details(now.details, update.details, limits);
  if (!details) return details.error();
  Facts facts;
  if (updated.description != now.description || updated.lora_enabled != now.lora_enabled) facts.push_back(fact_of(now, updated));
  if (*details != now.details) facts.push_back(fact_of(now, DeploymentDetailsSet{std::move(*details)}));
  return facts;
}

Decision decide(const World& world, const Request& request, const DeleteDeployment& remove, const Limits&) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  switch ((*found)->phase) {
    case DeploymentPhase::pending:
    case DeploymentPhase::failed:
      if (remove.lingers) return Facts{fact_of(**found, DeploymentDeleteRequested{})};
      return Facts{fact_of(**found, DeploymentDeleted{})};
    case DeploymentPhase::placed:
    case DeploymentPhase::ready: return Facts{fact_of(**found, DeploymentDeleteRequested{})};
    case DeploymentPhase::deleting:
      if ((*found)->worker.empty() && !remove.lingers) return Facts{fact_of(**found, DeploymentDeleted{})};
      return Facts{};
  }
  return Facts{};
}

Decision decide(const World& world, const Request& request, const SetDeploymentStatus& set, const Limits& limits) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& deployment = **found;
  static constexpr std::array statuses{"CREATED", "PENDING", "READY", "ERROR", "UNKNOWN", "LOST", "DELETING", "DELETED"};
  if (std::find(statuses.begin(), statuses.end(), set.status) == statuses.end())
    return invalid("data.status: CREATED, PENDING, READY, ERROR, UNKNOWN, LOST, DELETING or DELETED is needed", "data.status");
  if (set.message.size() > limits.description_bytes_max)
    return invalid("data.message: has more than " + std::to_string(limits.description_bytes_max) + " bytes", "data.message");
  if (!deployment.worker.empty())
    return conflict("deployment " + reference_to(deployment) + " is run by worker " + deployment.worker + ", which reports its status", "data.status");
  if (deployment.phase == DeploymentPhase::deleting) {
    if (set.status != "DELETED") return conflict(phase_of(deployment) + "; only DELETED can follow", "data.status");
    return Facts{fact_of(deployment, DeploymentDeleted{})};
  }
  return Facts{fact_of(deployment, DeploymentStatusSet{set.status, set.message, set.provider})};
}

Decision decide(const World& world, const Request& request, const ResolveDeployment&, const Limits&) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& deployment = **found;
  if (!deployment.model_id.empty()) return Facts{};
  const auto model = existing_model(world, deployment.model, deployment.workspace, "");
  if (!model) return model.error();
  return Facts{fact_of(deployment, DeploymentResolved{(*model)->id})};
}

Decision decide(const World& world, const Request& request, const ReviseDeployment& revise, const Limits& limits) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& now = **found;
  if (now.phase == DeploymentPhase::deleting) return conflict(phase_of(now));
  if (revise.model.size() > limits.description_bytes_max)
    return invalid("data.model: has more than " + std::to_string(limits.description_bytes_max) + " bytes", "data.model");
  auto details = patched_details(now.details, revise.details, limits);
  if (!details) return details.error();
  const auto model = existing_model(world, revise.model, now.workspace, "data.model");
  Facts facts;
  if (holds_device(now.phase)) facts.push_back(fact_of(now, DeploymentAttemptEnded{now.attempt, std::string(outcome_stopped), "a new version takes its place"}));
  facts.push_back(fact_of(now, model ? DeploymentRevised{reference_to(**model), (*model)->id, revise.lora_enabled}
                                     : DeploymentRevised{revise.model, "", revise.lora_enabled}));
  if (*details != now.details) facts.push_back(fact_of(now, DeploymentDetailsSet{std::move(*details)}));
  return facts;
}

Decision decide(const World& world, const Request& request, const PostponeDeployment& postpone, const Limits& limits) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& deployment = **found;
  if (deployment.phase != DeploymentPhase::pending) return conflict(phase_of(deployment) + ", not pending");
  if (!deployment.set_status.empty()) return conflict("the status of deployment " + reference_to(deployment) + " is set by hand");
  const auto reason = readable(postpone.reason, limits);
  if (postpone.gives_up) return Facts{fact_of(deployment, DeploymentFailed{deployment.attempt, "failed", reason})};
  if (deployment.waits_for == reason) return Facts{};
  return Facts{fact_of(deployment, DeploymentPostponed{reason})};
}

Decision decide(const World& world, const Request& request, const PlaceDeployment& place, const Limits&) {
  const auto found = target(world.deployments, request);
  if (!found) return found.error();
  const DeploymentState& deployment = **found;
  if (deployment.phase != DeploymentPhase::pending) return conflict(phase_of(deployment) + ", not pending");
  if (!deployment.set_status.empty()) return conflict("the status of deployment " + reference_to(deployment) + " is set by hand");
  if (deployment.model_id.empty()) return conflict("the model of deployment " + reference_to(deployment) + " is not there yet");
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
