// Which entity a command or an event belongs to, and who may send a command.
#pragma once

#include <string_view>
#include <type_traits>

#include "events/world/command.hpp"

namespace luthier::events {

template <class T, class... Types>
constexpr bool is_one_of = (std::is_same_v<T, Types> || ...);

template <class T>
constexpr std::string_view entity_of() {
  if constexpr (is_one_of<T, CreateWorkspace, UpdateWorkspace, DeleteWorkspace, SetMember, RemoveMember, WorkspaceCreated,
                          WorkspaceUpdated, MemberSet, MemberRemoved, WorkspaceDeleteRequested, WorkspaceDeleted>) {
    return "workspace";
  } else if constexpr (is_one_of<T, CreateFileset, UpdateFileset, PutFile, DeleteFile, DeleteFileset, FilesetCreated,
                                 FilesetUpdated, FilesetDetailsSet, FilePut, FileDeleted, FilesetDeleted>) {
    return "fileset";
  } else if constexpr (is_one_of<T, CreateModel, UpdateModel, FillModelSpec, DeleteModel, CreateAdapter, UpdateAdapter,
                                 EnableAdapter, DisableAdapter, DeleteAdapter, ModelCreated, ModelUpdated, ModelDetailsSet, ModelSpecFilled,
                                 ModelSpecFailed, ModelDeleted, AdapterCreated, AdapterUpdated, AdapterEnabled,
                                 AdapterDisabled, AdapterDeleted>) {
    return "model";
  } else if constexpr (is_one_of<T, StartJob, SubmitJob, PrepareJob, RejectJob, UpdateJob, DeleteJob, JobSubmitted, JobDetailsSet,
                                 JobDeleted, CancelJob, PauseJob, ResumeJob, PlaceJob, BeginAttempt, RecordCheckpoint,
                                 CompleteAttempt, FailAttempt, ConfirmStopped, JobQueued, JobTeacherSet, JobPlaced, JobStarted,
                                 JobAttemptStarted, JobCheckpointed, JobAttemptEnded, JobStepFinished, JobCancelRequested,
                                 JobPauseRequested, JobPaused, JobResumed, JobCompleted, JobFailed, JobCancelled>) {
    return "job";
  } else if constexpr (is_one_of<T, SetDeploymentStatus, ResolveDeployment, ReviseDeployment, PostponeDeployment, DeploymentRevised,
                                 DeploymentPostponed, DeploymentDetailsSet, DeploymentStatusSet,
                                 DeploymentResolved, CreateDeployment, UpdateDeployment, DeleteDeployment, PlaceDeployment,
                                 RequestAdapterLoad, RequestAdapterUnload, ReportReady, FailDeployment, ConfirmUndeployed,
                                 ConfirmAdapterLoaded, FailAdapterLoad, ConfirmAdapterUnloaded, DeploymentCreated,
                                 DeploymentUpdated, DeploymentPlaced, DeploymentReady, DeploymentAttemptEnded,
                                 DeploymentFailed, DeploymentDeleteRequested, DeploymentDeleted, AdapterLoadRequested,
                                 AdapterLoaded, AdapterLoadFailed, AdapterUnloadRequested, AdapterUnloaded>) {
    return "deployment";
  } else if constexpr (is_one_of<T, CreateSecret, UpdateSecret, DeleteSecret, SecretCreated, SecretUpdated, SecretDeleted>) {
    return "secret";
  } else if constexpr (is_one_of<T, CreateRecord, UpdateRecord, DeleteRecord, RecordCreated, RecordUpdated, RecordRenamed, RecordDeleted>) {
    return "record";
  } else if constexpr (is_one_of<T, CreatePlatformJob, SetStepStatus, PutTask, MergeJobDetails, CancelPlatformJob, PausePlatformJob,
                                 ResumePlatformJob, PutJobResult, DeletePlatformJob, PlatformJobCreated, PlatformStepCreated,
                                 PlatformStepStatusSet, PlatformJobStatusSet, PlatformTaskPut, PlatformJobDetailsMerged,
                                 PlatformJobResultPut, PlatformJobDeleted>) {
    return "platform_job";
  } else {
    static_assert(is_one_of<T, RegisterWorker, DrainWorker, LoseWorker, WorkerJoined, WorkerDraining, WorkerLost>);
    return "worker";
  }
}

enum class Sender {
  anyone,   // clients
  control,  // principal "system": schedulers, reconcilers, inspectors, lease watchers
  worker,   // principal "worker:<name>", or "system" in its name
};

template <class Command>
constexpr Sender sender_of() {
  if constexpr (is_one_of<Command, FillModelSpec, PrepareJob, RejectJob, ResolveDeployment, PostponeDeployment, PlaceJob, PlaceDeployment, RequestAdapterLoad, RequestAdapterUnload>)
    return Sender::control;
  else if constexpr (is_one_of<Command, BeginAttempt, RecordCheckpoint, CompleteAttempt, FailAttempt, ConfirmStopped,
                               ReportReady, FailDeployment, ConfirmUndeployed, ConfirmAdapterLoaded, FailAdapterLoad,
                               ConfirmAdapterUnloaded, RegisterWorker, LoseWorker>)
    return Sender::worker;
  else
    return Sender::anyone;
}

}  // namespace luthier::events
