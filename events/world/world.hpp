// The state that commands are decided on: a fold of the log, small enough to be held in memory, and complete enough that
// rules across entities (a name in use, a fileset that a model needs) are decided on one consistent view.
//
// evolve never refuses: the fact has already happened. decide never changes anything. Both are pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/base/result.hpp"
#include "events/platform_job/status.hpp"
#include "events/world/command.hpp"

namespace luthier::events {

struct FilesetState {
  std::string id, workspace, name, purpose, description;
  std::string service;             // that made it, and alone may change its files; empty: a user did
  JsonText details{"{}"};
  Version version = 0;
  Version content_version = 0;  // the stream version of the last change of files
  std::map<std::string, File> files;
  bool operator==(const FilesetState&) const = default;
};

struct AdapterState {
  std::string id, workspace, name, model_id;  // it may live in another workspace than its model
  std::string fileset, fileset_id, description;
  std::int64_t fileset_version = 0;
  bool enabled = false;
  LoraShape lora;
  // What a server has loaded when it has this adapter's present content.
  std::string key() const { return fileset_id + "@" + std::to_string(fileset_version); }
  bool operator==(const AdapterState&) const = default;
};

struct ModelState {
  std::string id, workspace, name, fileset, fileset_id, description, base_model;
  Version version = 0;
  JsonText details{"{}"};
  JsonText spec;  // "null" until it is filled in
  std::string spec_error;
  std::int64_t spec_fileset_version = 0;  // of the fileset that spec or spec_error speaks of
  std::map<std::string, AdapterState> adapters;  // by name; those of another workspace by "workspace/name"
  bool operator==(const ModelState&) const = default;
};

enum class JobPhase {
  checking,    // submitted; its rows are still to be read
  queued,      // waits for a place
  placed,      // an attempt belongs to a worker, which has not begun
  active,      // the attempt runs
  cancelling,  // an attempt is still to be stopped
  pausing,
  paused,
  completed, failed, cancelled,  // terminal: nothing follows
};
bool is_terminal(JobPhase phase);
bool holds_device(JobPhase phase);  // an attempt belongs to a worker
std::string_view to_string(JobPhase phase);  // "queued" …

struct JobState {
  std::string id, workspace, name;
  Version version = 0;
  JobPhase phase = JobPhase::queued;
  bool prepared = false;          // its inputs are known
  Position queued_order = 0;      // a counter of jobs in the order of their acceptance
  std::int64_t priority = 0;
  std::int64_t attempt = 0;       // the last one placed; 0: none yet
  std::int64_t attempts_failed = 0;
  bool started = false;           // an attempt has begun
  std::int64_t checkpoint_step = 0;
  std::string worker, incarnation, device;  // of the present attempt
  std::string model_id;
  JsonText details{"{}"};
  std::string outcome, reason;    // of the last attempt that ended without a result
  // Emptied when the job ends; the projections keep what people look at.
  std::string model, dataset, output, output_fileset, method, description;
  JsonText config, preparation;
  std::optional<WishedDeployment> deploy;
  JobInputs inputs;
  std::optional<JobTeacher> teacher;  // of a distillation
  bool operator==(const JobState&) const = default;
};

enum class DeploymentPhase { pending, placed, ready, failed, deleting };
bool holds_device(DeploymentPhase phase);
std::string_view to_string(DeploymentPhase phase);

struct ServedAdapter {
  enum class Phase { loading, loaded, failed, unloading };
  Phase phase = Phase::loading;
  std::string key;
  bool operator==(const ServedAdapter&) const = default;
};

struct DeploymentState {
  std::string id, workspace, name, model, description;
  std::string model_id;    // empty: the model is still to come
  std::string set_status;  // by hand; empty: the reconciler's
  std::string waits_for;   // while it is pending: the reason, as it was last said
  JsonText details{"{}"};
  Version version = 0;
  bool lora_enabled = true;
  DeploymentPhase phase = DeploymentPhase::pending;
  std::int64_t attempt = 0;
  std::int64_t attempts_failed = 0;  // in a row, since it was last ready
  std::string worker, incarnation, device, endpoint;
  std::string outcome, reason;
  std::map<std::string, ServedAdapter> adapters;  // by served name, "<workspace>--<adapter>"
  bool operator==(const DeploymentState&) const = default;
};

struct WorkerState {
  std::string id, name, incarnation, host, engine_version;
  Version version = 0;
  bool present = false, draining = false;
  std::vector<Device> devices;
  bool operator==(const WorkerState&) const = default;
};

struct WorkspaceState {
  std::string id, name, description;
  Version version = 0;
  bool deleting = false;  // hidden; what it has is being deleted
  std::map<std::string, std::vector<std::string>> members = {};  // principal -> roles
  bool operator==(const WorkspaceState&) const = default;
};

struct SecretState {
  std::string id, workspace, name;
  Version version = 0;
  std::optional<std::string> description;
  SealedValue sealed;
  bool operator==(const SecretState&) const = default;
};

struct RecordState {
  std::string id, workspace, name;  // the name is its key, "<kind>:<parent>:<name>"
  Version version = 0;
  std::string project;
  JsonText data;
  bool operator==(const RecordState&) const = default;
};

struct PlatformTaskState {
  StepStatus status = StepStatus::pending;
  JsonText details{"{}"};
  bool operator==(const PlatformTaskState&) const = default;
};

struct PlatformStepState {
  std::string name;
  StepStatus status = StepStatus::created;
  JsonText details{"{}"};
  std::map<std::string, PlatformTaskState> tasks;  // by name
  bool operator==(const PlatformStepState&) const = default;
};

struct PlatformJobState {
  std::string id, workspace, name, fileset_id;
  Version version = 0;
  StepStatus status = StepStatus::created;
  std::vector<std::string> step_names;   // all, in the order in which they run
  std::vector<PlatformStepState> steps;  // those that there are by now: never none
  JsonText details{"{}"};
  std::set<std::string> results;
  bool operator==(const PlatformJobState&) const = default;
};

// Names are indexes: an entry is the entity that has the name now. What is deleted is gone from here.
struct World {
  using Name = std::pair<std::string, std::string>;  // workspace, name
  std::map<std::string, WorkspaceState> workspaces;
  std::map<Name, FilesetState> filesets;
  std::map<Name, ModelState> models;
  std::map<Name, JobState> jobs;
  std::map<Name, DeploymentState> deployments;
  std::map<std::string, WorkerState> workers;
  std::map<Name, SecretState> secrets;
  std::map<Name, RecordState> records;
  std::map<Name, PlatformJobState> platform_jobs;
  std::map<Name, std::string> adapter_models;  // (workspace, adapter name) -> model, as a reference seen from that workspace
  std::int64_t jobs_accepted = 0;
  // Indexes over the above, so that a decision does not walk over everything there ever was.
  std::set<Name> open_jobs;                  // those that are not terminal
  std::map<std::string, Name> record_ids;                  // id -> key of the records that there are
  std::map<std::string, std::set<Name>> record_children;   // id of a parent -> keys
  std::map<Name, std::size_t> entity_counts; // (entity, workspace) -> how many have a name now

  // The stream that an entity has now, and its version; nullopt when nothing has the name.
  std::optional<std::pair<StreamKey, Version>> stream_of(const std::string& entity, const std::string& workspace,
                                                         const std::string& name) const;
  // The version of the stream of a decided fact, as an append expects it: 0 when the fact opens the stream.
  Version version_before(const Fact& fact) const;
  bool operator==(const World&) const = default;
};

// "default--capitals": what an adapter is called where it is served. `adapter` as its model's stream names it, `workspace` its model's.
std::string served_name(const std::string& workspace, const std::string& adapter);

// "ws/name", or a name of `workspace`.
std::optional<World::Name> parse_reference(const std::string& reference, const std::string& workspace);
// The other way: a name of `workspace` alone, any other as "ws/name".
std::string short_reference(const World::Name& name, const std::string& workspace);

// Bounds that decide enforces; every one is refused with ErrorCode::limit or invalid, naming the bound.
struct Limits {
  std::size_t name_bytes_max = 63;         // ^[a-z](?!.*--)[a-z0-9\-@.+_]{1,62}(?<!-)$
  std::size_t description_bytes_max = 1000;
  std::size_t document_bytes_max = 256 * 1024;  // of a record's data, or of an entity's details
  std::size_t document_depth_max = 32;
  std::size_t path_bytes_max = 1024;
  std::size_t files_per_fileset_max = 10'000;
  std::int64_t fileset_bytes_max = 0, workspace_bytes_max = 0;  // quotas of the operator; 0: none
  std::size_t entities_per_workspace_max = 100'000;  // of each kind
  std::size_t adapters_per_model_max = 1'000;
  std::size_t devices_per_worker_max = 64;
  std::int64_t job_attempts_max = 5;         // that ended without a result
  std::int64_t deployment_attempts_max = 5;  // in a row
};

// The events that the command causes, in order; each is of the stream named in it. Empty: already so (enabling an enabled
// adapter), which is accepted. `world` must be the state after every event that was decided before.
Result<std::vector<Fact>> decide(const World& world, const Request& request, const Limits& limits = {});

// Applies one event. Version counts are kept here: each event of a stream adds one.
void evolve(World& world, const Fact& fact);

}  // namespace luthier::events
