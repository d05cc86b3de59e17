// Every command and every event, as the two variants that decide and evolve are exhaustive over.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "events/base/ids.hpp"
#include "events/deployment/events.hpp"
#include "events/fileset/events.hpp"
#include "events/job/events.hpp"
#include "events/model/events.hpp"
#include "events/platform_job/events.hpp"
#include "events/record/events.hpp"
#include "events/secret/events.hpp"
#include "events/worker/events.hpp"
#include "events/workspace/events.hpp"

namespace luthier::events {

using AnyCommand = std::variant<
    CreateWorkspace, UpdateWorkspace, DeleteWorkspace, SetMember, RemoveMember,
    CreateFileset, UpdateFileset, PutFile, DeleteFile, DeleteFileset,
    CreateModel, UpdateModel, FillModelSpec, DeleteModel,
    CreateAdapter, UpdateAdapter, EnableAdapter, DisableAdapter, DeleteAdapter,
    StartJob, SubmitJob, PrepareJob, RejectJob, UpdateJob, DeleteJob, CancelJob, PauseJob, ResumeJob, PlaceJob, BeginAttempt, RecordCheckpoint, CompleteAttempt, FailAttempt,
    ConfirmStopped,
    CreateDeployment, UpdateDeployment, DeleteDeployment, SetDeploymentStatus, ResolveDeployment, ReviseDeployment, PostponeDeployment, PlaceDeployment, RequestAdapterLoad, RequestAdapterUnload,
    ReportReady, FailDeployment, ConfirmUndeployed, ConfirmAdapterLoaded, FailAdapterLoad, ConfirmAdapterUnloaded,
    CreateSecret, UpdateSecret, DeleteSecret,
    CreateRecord, UpdateRecord, DeleteRecord,
    CreatePlatformJob, SetStepStatus, PutTask, MergeJobDetails, CancelPlatformJob, PausePlatformJob, ResumePlatformJob, PutJobResult, DeletePlatformJob,
    RegisterWorker, DrainWorker, LoseWorker>;

using AnyEvent = std::variant<
    WorkspaceCreated, WorkspaceUpdated, MemberSet, MemberRemoved, WorkspaceDeleteRequested, WorkspaceDeleted,
    FilesetCreated, FilesetUpdated, FilesetDetailsSet, FilePut, FileDeleted, FilesetDeleted,
    ModelCreated, ModelUpdated, ModelDetailsSet, ModelSpecFilled, ModelSpecFailed, ModelDeleted,
    AdapterCreated, AdapterUpdated, AdapterEnabled, AdapterDisabled, AdapterDeleted,
    JobSubmitted, JobDetailsSet, JobDeleted, JobQueued, JobTeacherSet, JobPlaced, JobStarted, JobAttemptStarted, JobCheckpointed, JobAttemptEnded, JobStepFinished,
    JobCancelRequested, JobPauseRequested, JobPaused, JobResumed, JobCompleted, JobFailed, JobCancelled,
    DeploymentCreated, DeploymentDetailsSet, DeploymentStatusSet, DeploymentResolved, DeploymentRevised, DeploymentPostponed, DeploymentUpdated, DeploymentPlaced, DeploymentReady, DeploymentAttemptEnded, DeploymentFailed,
    DeploymentDeleteRequested, DeploymentDeleted,
    AdapterLoadRequested, AdapterLoaded, AdapterLoadFailed, AdapterUnloadRequested, AdapterUnloaded,
    SecretCreated, SecretUpdated, SecretDeleted,
    RecordCreated, RecordUpdated, RecordRenamed, RecordDeleted,
    PlatformJobCreated, PlatformStepCreated, PlatformStepStatusSet, PlatformJobStatusSet, PlatformTaskPut, PlatformJobDetailsMerged,
    PlatformJobResultPut, PlatformJobDeleted,
    WorkerJoined, WorkerDraining, WorkerLost>;

// The variant, with what it does as a value (copy, move, destruction: tables over all alternatives) compiled once, in command.cpp.
// Instantiated by every file that passes a fact on, these tables took two fifths of its compilation (docs/decisions/0008).
template <class Variant>
struct Compiled : Variant {
  using Alternatives = Variant;
  Compiled();
  Compiled(const Compiled&);
  Compiled(Compiled&&) noexcept;
  Compiled& operator=(const Compiled&);
  Compiled& operator=(Compiled&&) noexcept;
  ~Compiled();
  template <class Alternative>
    requires requires(const Variant& variant) { std::get_if<Alternative>(&variant); }
  Compiled(Alternative alternative) : Variant(std::in_place_type<Alternative>, std::move(alternative)) {}
};
extern template struct Compiled<AnyCommand>;
extern template struct Compiled<AnyEvent>;
struct Command : Compiled<AnyCommand> {
  using Compiled::Compiled;
};
struct Event : Compiled<AnyEvent> {
  using Compiled::Compiled;
};

// A command with its envelope: {id, type, workspace, name, expected_version?, principal?, traceparent?, data}.
struct Request {
  CommandKey key;      // principal, workspace, id
  std::string entity;  // of the subject: "model"; must be the one that the command belongs to
  std::string name;    // of the entity
  std::optional<Version> expected_version;  // of the entity's stream; another one is a conflict
  std::string traceparent;                  // W3C trace context, passed on
  std::string causation;                    // what it follows from: a command id or an event position, for our own commands
  Command command;
};

// An event of an entity, as decided (version and position are the log's to give) or as read back.
struct Fact {
  StreamKey stream;
  std::string workspace;
  std::string name;
  Event event;
};

}  // namespace luthier::events
