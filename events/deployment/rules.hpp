#pragma once

#include "events/world/rules.hpp"

namespace luthier::events {

Decision decide(const World&, const Request&, const CreateDeployment&, const Limits&);
Decision decide(const World&, const Request&, const UpdateDeployment&, const Limits&);
Decision decide(const World&, const Request&, const DeleteDeployment&, const Limits&);
Decision decide(const World&, const Request&, const SetDeploymentStatus&, const Limits&);
Decision decide(const World&, const Request&, const ResolveDeployment&, const Limits&);
Decision decide(const World&, const Request&, const ReviseDeployment&, const Limits&);
Decision decide(const World&, const Request&, const PostponeDeployment&, const Limits&);
Decision decide(const World&, const Request&, const PlaceDeployment&, const Limits&);
Decision decide(const World&, const Request&, const RequestAdapterLoad&, const Limits&);
Decision decide(const World&, const Request&, const RequestAdapterUnload&, const Limits&);
Decision decide(const World&, const Request&, const ReportReady&, const Limits&);
Decision decide(const World&, const Request&, const FailDeployment&, const Limits&);
Decision decide(const World&, const Request&, const ConfirmUndeployed&, const Limits&);
Decision decide(const World&, const Request&, const ConfirmAdapterLoaded&, const Limits&);
Decision decide(const World&, const Request&, const FailAdapterLoad&, const Limits&);
Decision decide(const World&, const Request&, const ConfirmAdapterUnloaded&, const Limits&);

void evolve(World&, const Fact&, const DeploymentCreated&);
void evolve(World&, const Fact&, const DeploymentDetailsSet&);
void evolve(World&, const Fact&, const DeploymentStatusSet&);
void evolve(World&, const Fact&, const DeploymentResolved&);
void evolve(World&, const Fact&, const DeploymentRevised&);
void evolve(World&, const Fact&, const DeploymentPostponed&);
void evolve(World&, const Fact&, const DeploymentUpdated&);
void evolve(World&, const Fact&, const DeploymentPlaced&);
void evolve(World&, const Fact&, const DeploymentReady&);
void evolve(World&, const Fact&, const DeploymentAttemptEnded&);
void evolve(World&, const Fact&, const DeploymentFailed&);
void evolve(World&, const Fact&, const DeploymentDeleteRequested&);
void evolve(World&, const Fact&, const DeploymentDeleted&);
void evolve(World&, const Fact&, const AdapterLoadRequested&);
void evolve(World&, const Fact&, const AdapterLoaded&);
void evolve(World&, const Fact&, const AdapterLoadFailed&);
void evolve(World&, const Fact&, const AdapterUnloadRequested&);
void evolve(World&, const Fact&, const AdapterUnloaded&);

// The deployment, when the report is of its present attempt and from whoever holds it; for adapters it must be ready.
Result<const DeploymentState*> reported_deployment(const World& world, const Request& request, std::int64_t attempt);
Result<const DeploymentState*> serving_deployment(const World& world, const Request& request, std::int64_t attempt);

}  // namespace luthier::events
