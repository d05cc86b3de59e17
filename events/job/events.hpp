// A customization job: checked, accepted, queued, placed on a worker, trained in attempts, and ended exactly once. Its end
// creates the output (a fileset, and an adapter or a model) in the same append, so that neither exists without the other.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "events/base/event_type.hpp"
#include "events/fileset/events.hpp"
#include "events/model/events.hpp"

namespace luthier::events {

// What the check before acceptance found in the world. With the configuration it is all that the result depends on.
struct JobInputs {
  std::string model_id, model_fileset_id, dataset_fileset_id;
  std::vector<File> model_files;    // the checkpoint as it was
  File dataset;                     // the rows to train on
  std::optional<File> validation;   // the rows to validate on
  std::int64_t rows = 0, rows_left_out = 0, tokens = 0, supervised_tokens = 0;
  std::int64_t steps = 0;           // optimiser steps that the configuration makes of it
  std::int64_t memory_bytes = 0;    // the plan of the training process, exact
  std::string engine_version;
  static constexpr auto fields() {
    return field_list(field("model_id", &JobInputs::model_id),
                      field("model_fileset_id", &JobInputs::model_fileset_id),
                      field("dataset_fileset_id", &JobInputs::dataset_fileset_id),
                      field("model_files", &JobInputs::model_files),
                      field("dataset", &JobInputs::dataset),
                      field_or_default("validation", &JobInputs::validation),
                      field("rows", &JobInputs::rows),
                      field("rows_left_out", &JobInputs::rows_left_out),
                      field("tokens", &JobInputs::tokens),
                      field("supervised_tokens", &JobInputs::supervised_tokens),
                      field("steps", &JobInputs::steps),
                      field("memory_bytes", &JobInputs::memory_bytes),
                      field("engine_version", &JobInputs::engine_version));
  }
  bool operator==(const JobInputs&) const = default;
};

// The model that a distillation learns from, beside its labels.
struct JobTeacher {
  std::string model;  // "ws/name"
  std::string model_id, fileset_id;
  std::vector<File> files = {};  // its checkpoint as it was; empty until the job's rows are read
  static constexpr auto fields() {
    return field_list(field("model", &JobTeacher::model), field("model_id", &JobTeacher::model_id),
                      field("fileset_id", &JobTeacher::fileset_id), field("files", &JobTeacher::files));
  }
  bool operator==(const JobTeacher&) const = default;
};

// What is served when the job has ended: the base model of an adapter, or the new model; unless a deployment serves it already.
struct WishedDeployment {
  std::string name;
  std::string config;   // the name of its deployment config, a record; made when `config_data` is there
  JsonText config_data;  // an object, or null: the config exists
  bool lora_enabled = true;
  static constexpr auto fields() {
    return field_list(field("name", &WishedDeployment::name), field("config", &WishedDeployment::config),
                      field("config_data", &WishedDeployment::config_data), field("lora_enabled", &WishedDeployment::lora_enabled));
  }
  bool operator==(const WishedDeployment&) const = default;
};

struct StartJob {
  static constexpr std::string_view type = "StartJob";
  std::string model;            // the base: "ws/name" or a name of this workspace
  std::string dataset;          // a fileset
  std::string dataset_file;     // empty: train.jsonl, or the only .jsonl file
  std::string validation_file;  // of the same fileset; empty: none
  std::string output;           // the name of the adapter (method lora) or model (method full) that it makes
  std::string description;
  std::int64_t priority = 0;  // higher first
  JsonText config;            // the training configuration of the engine, canonical after the check
  std::optional<std::string> teacher = {};  // a model, where the configuration has "distillation"
  std::optional<JobInputs> inputs = {};  // from the check; a client's own is refused
  std::optional<JobTeacher> seen_teacher = {};  // the same
  static constexpr auto fields() {
    return field_list(field("model", &StartJob::model),
                      field("dataset", &StartJob::dataset),
                      field_or_default("dataset_file", &StartJob::dataset_file),
                      field_or_default("validation_file", &StartJob::validation_file),
                      field("output", &StartJob::output),
                      field_or_default("description", &StartJob::description),
                      field_or_default("priority", &StartJob::priority),
                      field("config", &StartJob::config),
                      field_or_default("teacher", &StartJob::teacher),
                      field_or_default("inputs", &StartJob::inputs),
                      field_or_default("seen_teacher", &StartJob::seen_teacher));
  }
};
// As StartJob, but accepted at once: what it names must exist, and its rows are read afterwards, as the job's first step, which may end it.
struct SubmitJob {
  static constexpr std::string_view type = "SubmitJob";
  std::string model, dataset;
  std::string output;  // the name of the adapter (method lora) or model (method full) that it makes, or replaces the files of
  std::string output_fileset;  // the name of the fileset that its files go into; empty: as the output, or like it
  std::string description;
  std::int64_t priority = 0;
  JsonText config;   // the training configuration of the engine
  std::optional<std::string> teacher = {};  // a model, where the configuration has "distillation"
  JsonText preparation = {};  // an object or null: how the preparer finds and reads the rows
  JsonText details = {};  // an object or null: what its users keep with it; no rule looks at it
  std::optional<WishedDeployment> deploy;  // of the result
  static constexpr auto fields() {
    return field_list(field("model", &SubmitJob::model),
                      field("dataset", &SubmitJob::dataset),
                      field("output", &SubmitJob::output),
                      field_or_default("output_fileset", &SubmitJob::output_fileset),
                      field_or_default("description", &SubmitJob::description),
                      field_or_default("priority", &SubmitJob::priority),
                      field("config", &SubmitJob::config),
                      field_or_default("teacher", &SubmitJob::teacher),
                      field_or_default("preparation", &SubmitJob::preparation),
                      field_or_default("details", &SubmitJob::details),
                      field_or_default("deploy", &SubmitJob::deploy));
  }
};
// From the preparer, which has read the rows of a submitted job.
struct PrepareJob {
  static constexpr std::string_view type = "PrepareJob";
  JsonText config;  // canonical
  JobInputs inputs;
  std::optional<JobTeacher> teacher = {};
  static constexpr auto fields() {
    return field_list(field("config", &PrepareJob::config), field("inputs", &PrepareJob::inputs),
                      field_or_default("teacher", &PrepareJob::teacher));
  }
};
struct RejectJob {
  static constexpr std::string_view type = "RejectJob";
  std::string reason;
  static constexpr auto fields() { return field_list(field("reason", &RejectJob::reason)); }
};
struct DeleteJob {  // one that has ended; what it has made stays
  static constexpr std::string_view type = "DeleteJob";
  static constexpr auto fields() { return field_list(); }
};
// What a client wants to be kept with the job; a merge patch (RFC 7396).
struct UpdateJob {
  static constexpr std::string_view type = "UpdateJob";
  JsonText details;
  static constexpr auto fields() { return field_list(field("details", &UpdateJob::details)); }
};
struct CancelJob {
  static constexpr std::string_view type = "CancelJob";
  std::string reason;
  static constexpr auto fields() { return field_list(field_or_default("reason", &CancelJob::reason)); }
};
struct PauseJob {
  static constexpr std::string_view type = "PauseJob";
  static constexpr auto fields() { return field_list(); }
};
struct ResumeJob {
  static constexpr std::string_view type = "ResumeJob";
  static constexpr auto fields() { return field_list(); }
};

// The scheduler's: the next attempt belongs to this device of this worker.
struct PlaceJob {
  static constexpr std::string_view type = "PlaceJob";
  std::int64_t attempt = 0;
  std::string worker, incarnation, device;
  static constexpr auto fields() {
    return field_list(field("attempt", &PlaceJob::attempt), field("worker", &PlaceJob::worker),
                      field("incarnation", &PlaceJob::incarnation), field("device", &PlaceJob::device));
  }
};
// The worker's reports. Each names its attempt, and one of an older attempt is refused.
struct BeginAttempt {
  static constexpr std::string_view type = "BeginAttempt";
  std::int64_t attempt = 0;
  std::int64_t resumed_from_step = 0;
  static constexpr auto fields() {
    return field_list(field("attempt", &BeginAttempt::attempt),
                      field_or_default("resumed_from_step", &BeginAttempt::resumed_from_step));
  }
};
struct RecordCheckpoint {
  static constexpr std::string_view type = "RecordCheckpoint";
  std::int64_t attempt = 0, step = 0;
  static constexpr auto fields() {
    return field_list(field("attempt", &RecordCheckpoint::attempt), field("step", &RecordCheckpoint::step));
  }
};
struct TrainingSummary {
  std::int64_t steps = 0, tokens = 0;
  double first_loss = 0, final_loss = 0, seconds = 0;
  std::optional<double> validation_loss;
  static constexpr auto fields() {
    return field_list(field("steps", &TrainingSummary::steps),
                      field("tokens", &TrainingSummary::tokens),
                      field("first_loss", &TrainingSummary::first_loss),
                      field("final_loss", &TrainingSummary::final_loss),
                      field("seconds", &TrainingSummary::seconds),
                      field_or_default("validation_loss", &TrainingSummary::validation_loss));
  }
  bool operator==(const TrainingSummary&) const = default;
};
struct CompleteAttempt {
  static constexpr std::string_view type = "CompleteAttempt";
  std::int64_t attempt = 0;
  std::vector<File> files;  // the output, stored as blobs already
  TrainingSummary summary;
  static constexpr auto fields() {
    return field_list(field("attempt", &CompleteAttempt::attempt), field("files", &CompleteAttempt::files),
                      field("summary", &CompleteAttempt::summary));
  }
};
// The process ended without a result; or the worker or its lease is gone (the lease watcher's).
struct FailAttempt {
  static constexpr std::string_view type = "FailAttempt";
  std::int64_t attempt = 0;
  std::string outcome;  // "failed" (it said why), "crashed" (a signal), "lost" (worker or lease), "stopped" (the worker left)
  std::string reason;
  bool retryable = false;
  static constexpr auto fields() {
    return field_list(field("attempt", &FailAttempt::attempt), field("outcome", &FailAttempt::outcome),
                      field("reason", &FailAttempt::reason), field("retryable", &FailAttempt::retryable));
  }
};
// The process is gone and its memory is free, as a cancel or a pause had asked.
struct ConfirmStopped {
  static constexpr std::string_view type = "ConfirmStopped";
  std::int64_t attempt = 0, step = 0;
  static constexpr auto fields() {
    return field_list(field("attempt", &ConfirmStopped::attempt), field_or_default("step", &ConfirmStopped::step));
  }
};

// Accepted, and still to be prepared; JobQueued follows, or JobFailed.
struct JobSubmitted {
  static constexpr EventType type{"JobSubmitted", 1};
  std::string model, dataset, output, output_fileset, method, description;
  std::int64_t priority = 0;
  std::string model_id, dataset_fileset_id;
  JsonText config, preparation, details;
  std::optional<WishedDeployment> deploy;
  static constexpr auto fields() {
    return field_list(field("model", &JobSubmitted::model),
                      field("dataset", &JobSubmitted::dataset),
                      field("output", &JobSubmitted::output),
                      field("output_fileset", &JobSubmitted::output_fileset),
                      field("method", &JobSubmitted::method),
                      field("description", &JobSubmitted::description),
                      field("priority", &JobSubmitted::priority),
                      field("model_id", &JobSubmitted::model_id),
                      field("dataset_fileset_id", &JobSubmitted::dataset_fileset_id),
                      field("config", &JobSubmitted::config),
                      field("preparation", &JobSubmitted::preparation),
                      field("details", &JobSubmitted::details),
                      field("deploy", &JobSubmitted::deploy));
  }
};
struct JobDetailsSet {
  static constexpr EventType type{"JobDetailsSet", 1};
  JsonText details;
  static constexpr auto fields() { return field_list(field("details", &JobDetailsSet::details)); }
};
struct JobDeleted {
  static constexpr EventType type{"JobDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};
struct JobQueued {
  static constexpr EventType type{"JobQueued", 1};
  std::string model, dataset, output, method, description;  // references as "ws/name"; method "lora" or "full"
  std::int64_t priority = 0;
  JsonText config;
  JobInputs inputs;
  static constexpr auto fields() {
    return field_list(field("model", &JobQueued::model),
                      field("dataset", &JobQueued::dataset),
                      field("output", &JobQueued::output),
                      field("method", &JobQueued::method),
                      field("description", &JobQueued::description),
                      field("priority", &JobQueued::priority),
                      field("config", &JobQueued::config),
                      field("inputs", &JobQueued::inputs));
  }
};
// Of a distillation: as it was named, when the job is submitted; with its files, when its rows have been read.
struct JobTeacherSet {
  static constexpr EventType type{"JobTeacherSet", 1};
  JobTeacher teacher;
  static constexpr auto fields() { return field_list(field("teacher", &JobTeacherSet::teacher)); }
};
struct JobPlaced {
  static constexpr EventType type{"JobPlaced", 1};
  std::int64_t attempt = 0;
  std::string worker, incarnation, device;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobPlaced::attempt), field("worker", &JobPlaced::worker),
                      field("incarnation", &JobPlaced::incarnation), field("device", &JobPlaced::device));
  }
};
struct JobStarted {  // the first attempt's begin
  static constexpr EventType type{"JobStarted", 1};
  std::int64_t attempt = 0;
  static constexpr auto fields() { return field_list(field("attempt", &JobStarted::attempt)); }
};
struct JobAttemptStarted {  // a later attempt's begin
  static constexpr EventType type{"JobAttemptStarted", 1};
  std::int64_t attempt = 0, resumed_from_step = 0;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobAttemptStarted::attempt),
                      field("resumed_from_step", &JobAttemptStarted::resumed_from_step));
  }
};
struct JobCheckpointed {
  static constexpr EventType type{"JobCheckpointed", 1};
  std::int64_t attempt = 0, step = 0;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobCheckpointed::attempt), field("step", &JobCheckpointed::step));
  }
};
struct JobAttemptEnded {  // without a result; the job is queued again
  static constexpr EventType type{"JobAttemptEnded", 1};
  std::int64_t attempt = 0;
  std::string outcome, reason;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobAttemptEnded::attempt), field("outcome", &JobAttemptEnded::outcome),
                      field("reason", &JobAttemptEnded::reason));
  }
};
struct JobStepFinished {  // "train", "upload", "create_entity"
  static constexpr EventType type{"JobStepFinished", 1};
  std::int64_t attempt = 0;
  std::string step;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobStepFinished::attempt), field("step", &JobStepFinished::step));
  }
};
struct JobCancelRequested {
  static constexpr EventType type{"JobCancelRequested", 1};
  std::string reason;
  static constexpr auto fields() { return field_list(field("reason", &JobCancelRequested::reason)); }
};
struct JobPauseRequested {
  static constexpr EventType type{"JobPauseRequested", 1};
  static constexpr auto fields() { return field_list(); }
};
struct JobPaused {
  static constexpr EventType type{"JobPaused", 1};
  std::int64_t step = 0;  // the checkpoint that a resume starts from
  static constexpr auto fields() { return field_list(field("step", &JobPaused::step)); }
};
struct JobResumed {
  static constexpr EventType type{"JobResumed", 1};
  static constexpr auto fields() { return field_list(); }
};
struct JobCompleted {
  static constexpr EventType type{"JobCompleted", 1};
  std::int64_t attempt = 0;
  std::string output, output_kind, output_fileset;  // "ws/name", "adapter" or "model", "ws/name"
  TrainingSummary summary;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobCompleted::attempt), field("output", &JobCompleted::output),
                      field("output_kind", &JobCompleted::output_kind),
                      field("output_fileset", &JobCompleted::output_fileset), field("summary", &JobCompleted::summary));
  }
};
struct JobFailed {
  static constexpr EventType type{"JobFailed", 1};
  std::int64_t attempt = 0;
  std::string outcome, reason;
  static constexpr auto fields() {
    return field_list(field("attempt", &JobFailed::attempt), field("outcome", &JobFailed::outcome),
                      field("reason", &JobFailed::reason));
  }
};
struct JobCancelled {
  static constexpr EventType type{"JobCancelled", 1};
  std::string reason;
  static constexpr auto fields() { return field_list(field("reason", &JobCancelled::reason)); }
};

}  // namespace luthier::events
