// A platform job: what a client asks to be run for it, step after step, and what whoever runs it says of it. Its steps are moved by
// commands, from a runner or by hand; the job's own status follows from theirs. Fine-tuning jobs are a family of their own (events/job)
// and share the names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "events/base/event_type.hpp"

namespace luthier::events {

struct CreatePlatformJob {
  static constexpr std::string_view type = "CreatePlatformJob";
  std::string source, description, project;
  JsonText spec;           // an object: what the job is for; no rule looks at it
  JsonText platform_spec;  // an object: {"steps": [{"name", …}, …]}, with all defaults filled in
  JsonText details = {};   // an object or null: what its users keep with it
  static constexpr auto fields() {
    return field_list(field_or_default("source", &CreatePlatformJob::source),
                      field_or_default("description", &CreatePlatformJob::description),
                      field_or_default("project", &CreatePlatformJob::project),
                      field("spec", &CreatePlatformJob::spec),
                      field("platform_spec", &CreatePlatformJob::platform_spec),
                      field_or_default("details", &CreatePlatformJob::details));
  }
};
struct SetStepStatus {
  static constexpr std::string_view type = "SetStepStatus";
  std::string step, status;
  std::optional<JsonText> status_details = {};  // an object, merged into the step's key by key
  std::optional<JsonText> error_details = {};   // an object
  static constexpr auto fields() {
    return field_list(field("step", &SetStepStatus::step), field("status", &SetStepStatus::status),
                      field_or_default("status_details", &SetStepStatus::status_details),
                      field_or_default("error_details", &SetStepStatus::error_details));
  }
};
// A task is made, or changed. What its details say is told of the job as well.
struct PutTask {
  static constexpr std::string_view type = "PutTask";
  std::string step, task;
  std::optional<std::string> status = {};       // of a new one: "pending"; else as it is
  std::optional<JsonText> status_details = {};  // an object, merged key by key
  std::optional<JsonText> error_details = {};   // an object
  std::optional<std::string> error_stack = {};
  static constexpr auto fields() {
    return field_list(field("step", &PutTask::step), field("task", &PutTask::task), field_or_default("status", &PutTask::status),
                      field_or_default("status_details", &PutTask::status_details),
                      field_or_default("error_details", &PutTask::error_details), field_or_default("error_stack", &PutTask::error_stack));
  }
};
struct MergeJobDetails {
  static constexpr std::string_view type = "MergeJobDetails";
  JsonText status_details;  // an object, merged into the job's key by key
  static constexpr auto fields() { return field_list(field("status_details", &MergeJobDetails::status_details)); }
};
struct CancelPlatformJob {
  static constexpr std::string_view type = "CancelPlatformJob";
  static constexpr auto fields() { return field_list(); }
};
struct PausePlatformJob {
  static constexpr std::string_view type = "PausePlatformJob";
  static constexpr auto fields() { return field_list(); }
};
struct ResumePlatformJob {
  static constexpr std::string_view type = "ResumePlatformJob";
  static constexpr auto fields() { return field_list(); }
};
struct PutJobResult {
  static constexpr std::string_view type = "PutJobResult";
  std::string result, artifact_url;
  std::string artifact_storage_type = "fileset";
  static constexpr auto fields() {
    return field_list(field("result", &PutJobResult::result), field("artifact_url", &PutJobResult::artifact_url),
                      field_or_default("artifact_storage_type", &PutJobResult::artifact_storage_type));
  }
};
struct DeletePlatformJob {  // in any status, with its fileset
  static constexpr std::string_view type = "DeletePlatformJob";
  static constexpr auto fields() { return field_list(); }
};

struct PlatformJobCreated {
  static constexpr EventType type{"PlatformJobCreated", 1};
  std::string source, description, project;
  std::vector<std::string> steps;  // their names, in the order in which they run
  JsonText spec, platform_spec, details;
  std::string fileset_id;  // of the fileset that was made with it; empty: none
  static constexpr auto fields() {
    return field_list(field("source", &PlatformJobCreated::source),
                      field("description", &PlatformJobCreated::description),
                      field("project", &PlatformJobCreated::project),
                      field("steps", &PlatformJobCreated::steps),
                      field("spec", &PlatformJobCreated::spec),
                      field("platform_spec", &PlatformJobCreated::platform_spec),
                      field("details", &PlatformJobCreated::details),
                      field("fileset_id", &PlatformJobCreated::fileset_id));
  }
};
struct PlatformStepCreated {  // the first with its job, each other when the one before it has completed
  static constexpr EventType type{"PlatformStepCreated", 1};
  std::string step;
  static constexpr auto fields() { return field_list(field("step", &PlatformStepCreated::step)); }
};
struct PlatformStepStatusSet {
  static constexpr EventType type{"PlatformStepStatusSet", 1};
  std::string step, status;
  std::optional<JsonText> status_details;  // what was merged
  std::optional<JsonText> error_details;   // what replaces the old
  static constexpr auto fields() {
    return field_list(field("step", &PlatformStepStatusSet::step), field("status", &PlatformStepStatusSet::status),
                      field("status_details", &PlatformStepStatusSet::status_details),
                      field("error_details", &PlatformStepStatusSet::error_details));
  }
};
struct PlatformJobStatusSet {
  static constexpr EventType type{"PlatformJobStatusSet", 1};
  std::string status;
  std::optional<JsonText> error_details;
  static constexpr auto fields() {
    return field_list(field("status", &PlatformJobStatusSet::status), field("error_details", &PlatformJobStatusSet::error_details));
  }
};
struct PlatformTaskPut {
  static constexpr EventType type{"PlatformTaskPut", 1};
  std::string step, task, status;
  std::optional<JsonText> status_details;  // what was merged, into the task's and the job's
  std::optional<JsonText> error_details;
  std::optional<std::string> error_stack;
  static constexpr auto fields() {
    return field_list(field("step", &PlatformTaskPut::step), field("task", &PlatformTaskPut::task), field("status", &PlatformTaskPut::status),
                      field("status_details", &PlatformTaskPut::status_details),
                      field("error_details", &PlatformTaskPut::error_details), field("error_stack", &PlatformTaskPut::error_stack));
  }
};
struct PlatformJobDetailsMerged {
  static constexpr EventType type{"PlatformJobDetailsMerged", 1};
  JsonText status_details;
  static constexpr auto fields() { return field_list(field("status_details", &PlatformJobDetailsMerged::status_details)); }
};
struct PlatformJobResultPut {
  static constexpr EventType type{"PlatformJobResultPut", 1};
  std::string result, artifact_url, artifact_storage_type;
  static constexpr auto fields() {
    return field_list(field("result", &PlatformJobResultPut::result), field("artifact_url", &PlatformJobResultPut::artifact_url),
                      field("artifact_storage_type", &PlatformJobResultPut::artifact_storage_type));
  }
};
struct PlatformJobDeleted {
  static constexpr EventType type{"PlatformJobDeleted", 1};
  static constexpr auto fields() { return field_list(); }
};

}  // namespace luthier::events
